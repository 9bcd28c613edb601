package training

import (
	"bufio"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"meai/activities/mirror/models"
	"meai/internal/classify"
)

// goemotions is the data set's train and dev half (Apache-2.0; see NOTICE): text, the
// places of its emotions in [models.Emotions], an id.
//
//go:embed goemotions/*.gz
var goemotions embed.FS

// GoEmotions reads a half of the data: "train" or "dev". Labels are places among
// [models.Outputs].
func GoEmotions(half string) ([]classify.Example, error) {
	file, err := goemotions.Open("goemotions/" + half + ".tsv.gz")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return ReadGoEmotions(unzipped)
}

// ReadGoEmotions reads the data's own format: text, comma-separated numbers of
// emotions, and perhaps more columns.
func ReadGoEmotions(r io.Reader) ([]classify.Example, error) {
	var all []classify.Example
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) < 2 {
			return nil, fmt.Errorf("line %d: %d columns", n, len(columns))
		}
		e := classify.Example{Text: columns[0]}
		for number := range strings.SplitSeq(columns[1], ",") {
			label, err := strconv.Atoi(number)
			if err != nil || label < 0 || label >= len(models.Emotions) {
				return nil, fmt.Errorf("line %d: label %q", n, number)
			}
			e.Labels = append(e.Labels, label)
		}
		e.Labels = models.WithGroups(e.Labels)
		all = append(all, e)
	}
	return all, lines.Err()
}
