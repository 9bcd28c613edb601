package truthfilter

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"math"
	"sync"

	"meai/activities/truthfilter/misconceptions"
	"meai/internal/embedding/encoder"
)

//go:generate go test -vet=off -count=1 -run ^TestVectorsAreThoseOfTheList$ . -update

// listedFile holds the vectors of the list's texts, which would take a process seconds to
// compute: a SHA-256 of the texts, then for each [encoder.Dimensions] bytes, which stand from
// [zero] as far as the vector's numbers do in proportion.
//
//go:embed listed.bin
var listedFile []byte

// listedText is a claim or a fact of the list.
type listedText struct {
	text   string
	vector []float32
	entry  *misconceptions.Entry
	fact   bool
}

// listed are all of them, which all filters share.
var listed = sync.OnceValue(func() []listedText {
	all, err := readListed(listedFile, textsOf(misconceptions.List))
	if err != nil { // it is part of the program
		panic(err)
	}
	return all
})

func textsOf(list misconceptions.Entries) []listedText {
	var all []listedText
	for _, e := range list {
		for _, text := range e.Claims {
			all = append(all, listedText{text: text, entry: &e})
		}
		for _, text := range e.Facts {
			all = append(all, listedText{text: text, entry: &e, fact: true})
		}
	}
	return all
}

// readListed gives the texts the vectors of the file.
func readListed(file []byte, texts []listedText) ([]listedText, error) {
	sum := sumOf(texts)
	packed, ours := bytes.CutPrefix(file, sum)
	if !ours || len(packed) != len(texts)*encoder.Dimensions {
		return nil, errors.New("vectors of the list: they are those of other texts; go generate writes them anew")
	}
	for i := range texts {
		texts[i].vector = unpack(packed[i*encoder.Dimensions:][:encoder.Dimensions])
	}
	return texts, nil
}

// zero is the byte of zero.
const zero = 128

// unpack gives back a vector of length one.
func unpack(packed []byte) []float32 {
	var squares float64
	for _, number := range packed {
		squares += (float64(number) - zero) * (float64(number) - zero)
	}
	vector := make([]float32, len(packed))
	for i, number := range packed {
		vector[i] = float32((float64(number) - zero) / math.Sqrt(squares))
	}
	return vector
}

// packListed is the file for texts with these vectors.
func packListed(texts []listedText) []byte {
	file := sumOf(texts)
	for _, t := range texts {
		var most float64
		for _, number := range t.vector {
			most = max(most, math.Abs(float64(number)))
		}
		for _, number := range t.vector {
			file = append(file, byte(zero+math.Round(float64(number)/most*(zero-1))))
		}
	}
	return file
}

func sumOf(texts []listedText) []byte {
	sum := sha256.New()
	for _, t := range texts {
		sum.Write([]byte(t.text + "\n"))
	}
	return sum.Sum(nil)
}
