package drill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Options say where to drill, and with what.
type Options struct {
	// Dir is a folder for the scene, made and removed; PostgreSQL's account must be able
	// to get to it.
	Dir string
	// Weaviate is the server's binary, for the drills of the index; empty leaves them out.
	Weaviate string
	// Upload is the command that has this program call [Upload] with what follows as
	// arguments: a process that takes a backup, and is killed over it.
	Upload []string
	Logger *slog.Logger
}

// Result is what came of one drill.
type Result struct {
	Name string `json:"name"`
	// What is done, in a sentence.
	What string `json:"what"`
	// Detected is whether it was named, and nothing was called a success.
	Detected bool `json:"detected"`
	// By is the sentence in which it was named, or what was said instead.
	By      string  `json:"by"`
	Seconds float64 `json:"seconds"`
}

// Undetected are the names of the drills that were not detected.
func Undetected(results []Result) (names []string) {
	for _, r := range results {
		if !r.Detected {
			names = append(names, r.Name)
		}
	}
	return names
}

// ErrGoodPath: a backup that nothing is wrong with was not proven or not restored. Then
// it says nothing that the others are refused.
var ErrGoodPath = errors.New("a sound backup was not proven and restored")

// Run makes a scene, takes a backup there, proves it and restores it from the bucket
// alone, then does one drill after the other. Report, unless nil, is told of each. It
// fails when the scene cannot be made, with [ErrGoodPath], or when the context ends; a
// drill that is not detected, or could not be done, is a result.
func Run(ctx context.Context, o Options, report func(Result)) (results []Result, err error) {
	s, err := newStage(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("make a scene for drills: %w", err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.run(ctx, s.drills(), report)
}

// drill plants one thing and looks what is said of it.
type drill struct {
	name, what string
	do         func(context.Context, *stage) (sighting, error)
}

// sighting is what was seen of what was planted.
type sighting struct {
	// said is every error and every problem that was reported.
	said []string
	// names are what one of these sentences must hold, all of them.
	names []string
	// good: it ended in a success, which no sentence makes up for.
	good bool
}

// heard adds errors to what was said.
func (s sighting) heard(errs ...error) sighting {
	for _, err := range errs {
		if err != nil {
			s.said = append(s.said, err.Error())
		}
	}
	return s
}

func (s sighting) naming(names ...string) sighting {
	s.names = names
	return s
}

// by finds the sentence that names everything.
func (s sighting) by() (sentence string, ok bool) {
	for _, said := range s.said {
		all := len(s.names) > 0
		for _, name := range s.names {
			all = all && strings.Contains(said, name)
		}
		if all {
			return around(oneLine(said), s.names[len(s.names)-1]), true
		}
	}
	return "", false
}

// shown is how much of a sentence is kept on either side of the last name in it, in bytes:
// some hold the log of a server.
const shown = 150

func around(sentence, name string) string {
	at := max(0, strings.Index(sentence, name))
	if end := at + len(name) + shown; end < len(sentence) {
		sentence = sentence[:end] + "…"
	}
	if at > shown {
		sentence = "…" + sentence[at-shown:]
	}
	return strings.ToValidUTF8(sentence, "")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (s *stage) run(ctx context.Context, drills []drill, report func(Result)) ([]Result, error) {
	if report == nil {
		report = func(Result) {}
	}
	good, err := s.goodPath(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGoodPath, err)
	}
	report(good)
	results := []Result{good}
	for _, d := range drills {
		begun := time.Now()
		seen, err := d.do(ctx, s)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		r := d.result(seen, err)
		r.Seconds = time.Since(begun).Seconds()
		s.log.Info("drilled", "reason", r.Name, "detected", r.Detected)
		report(r)
		results = append(results, r)
		if err := s.tidy(ctx); err != nil {
			return results, fmt.Errorf("go on after the drill %q: %w", d.name, err)
		}
	}
	return results, nil
}

// result judges. A drill that could not be done detected nothing.
func (d drill) result(seen sighting, err error) Result {
	r := Result{Name: d.name, What: d.what}
	switch by, named := seen.by(); {
	case errors.Is(err, errUnseen):
		r.By = err.Error()
	case err != nil:
		r.By = "the drill could not be done: " + oneLine(err.Error())
	case seen.good:
		r.By = "it ended in a success: " + oneLine(strings.Join(seen.said, "; "))
	case !named:
		r.By = "it was not named: " + oneLine(strings.Join(seen.said, "; "))
	default:
		r.By, r.Detected = by, true
	}
	return r
}
