package bridge

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"meai/internal/embedding"
	"meai/internal/lexicon"
)

//go:embed library/*.yaml
var curated embed.FS

// Library is the curated collection of resources, ready to be searched. It is
// safe for concurrent use.
type Library struct {
	embedder embedding.Embedder
	entries  []*entry
	// embedding is held while vectors are computed, so that concurrent first
	// searches don't compute them twice.
	embedding sync.Mutex
}

// entry is a resource with what searching it takes.
type entry struct {
	Resource
	about  string
	terms  map[string]bool
	topics map[string]bool
	vector []float32
}

const (
	// warmUp bounds how long a start waits for vectors. What is not there by then
	// is embedded by the first search.
	warmUp = 2 * time.Second
	// firstSearch bounds how long a search waits for missing vectors before it
	// goes by words alone.
	firstSearch = 1500 * time.Millisecond
	// batch texts go to the embedder at once, from at most workers goroutines. What
	// a batch has computed is kept, so that time running out costs one batch each.
	batch, workers = 4, 4
)

// NewLibrary loads the curated resources and embeds them with e. It fails only
// when the collection itself is faulty; an embedder that is slow or fails is asked
// again by the first search. e may be nil: then words alone decide.
func NewLibrary(ctx context.Context, e embedding.Embedder) (*Library, error) {
	resources, err := load(curated)
	if err != nil {
		return nil, fmt.Errorf("load the curated resources: %w", err)
	}
	l := &Library{embedder: e, entries: make([]*entry, len(resources))}
	for i, r := range resources {
		l.entries[i] = newEntry(r)
	}
	// Without vectors the library still works: searches report the degradation.
	_ = l.prepareWithin(ctx, warmUp)
	return l, nil
}

func newEntry(r Resource) *entry {
	about := r.Title + ". " + r.Summary + " " + strings.Join(r.Topics, ", ") + "."
	return &entry{
		Resource: r, about: about,
		terms:  termSet(about + " " + strings.Join(r.Steps, " ")),
		topics: termSet(strings.Join(r.Topics, " ")),
	}
}

func termSet(text string) map[string]bool {
	set := make(map[string]bool)
	for _, t := range lexicon.Terms(text) {
		set[t] = true
	}
	return set
}

// Resource returns the resource with the given id.
func (l *Library) Resource(id string) (Resource, bool) {
	for _, e := range l.entries {
		if e.ID == id {
			return e.Resource, true
		}
	}
	return Resource{}, false
}

// Resources returns all resources in the order of the collection.
func (l *Library) Resources() []Resource {
	all := make([]Resource, len(l.entries))
	for i, e := range l.entries {
		all[i] = e.Resource
	}
	return all
}

// vectors returns the entries' vectors in their order, computing what is missing.
func (l *Library) vectors(ctx context.Context) ([][]float32, error) {
	if err := l.prepareWithin(ctx, firstSearch); err != nil {
		return nil, err
	}
	l.embedding.Lock()
	defer l.embedding.Unlock()
	all := make([][]float32, len(l.entries))
	for i, e := range l.entries {
		all[i] = e.vector
	}
	return all, nil
}

func (l *Library) prepareWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.Prepare(ctx)
}

// Prepare computes the vectors that are not there yet, a few batches at a time.
// Batches that succeed are kept even when others fail or ctx ends.
func (l *Library) Prepare(ctx context.Context) error {
	if l.embedder == nil {
		return errors.New("no embedder")
	}
	l.embedding.Lock()
	defer l.embedding.Unlock()
	missing := slices.DeleteFunc(slices.Clone(l.entries), func(e *entry) bool { return e.vector != nil })
	if len(missing) == 0 {
		return nil
	}
	var group errgroup.Group
	group.SetLimit(workers)
	for part := range slices.Chunk(missing, batch) {
		group.Go(func() error { return l.embed(ctx, part) })
	}
	return group.Wait()
}

func (l *Library) embed(ctx context.Context, part []*entry) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("embed resources: %w", err)
	}
	texts := make([]string, len(part))
	for i, e := range part {
		texts[i] = e.about
	}
	vectors, err := l.embedder.Embed(ctx, texts...)
	if err != nil {
		return fmt.Errorf("embed resources: %w", err)
	}
	if len(vectors) != len(part) {
		return fmt.Errorf("embed resources: %d vectors for %d texts", len(vectors), len(part))
	}
	for i, e := range part {
		e.vector = vectors[i]
	}
	return nil
}

// load reads and checks all collections of a file system, in order of their names.
func load(files fs.FS) ([]Resource, error) {
	names, err := fs.Glob(files, "library/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Resource
	var faults []error
	for _, name := range names {
		part, err := loadFile(files, name)
		faults = append(faults, err)
		all = append(all, part...)
	}
	return all, errors.Join(append(faults, validate(all))...)
}

func loadFile(files fs.FS, name string) (part []Resource, err error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&part); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Base(name), err)
	}
	return part, nil
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// validate names everything that is wrong with a collection.
func validate(all []Resource) error {
	var faults []error
	seen := make(map[string]bool)
	for i, r := range all {
		for _, missing := range faultsOf(r) {
			faults = append(faults, fmt.Errorf("resource %d (%q): %s", i+1, r.ID, missing))
		}
		if seen[r.ID] {
			faults = append(faults, fmt.Errorf("resource %d (%q): the id is taken", i+1, r.ID))
		}
		seen[r.ID] = true
	}
	return errors.Join(faults...)
}

func faultsOf(r Resource) []string {
	var found []string
	check := func(fine bool, fault string) {
		if !fine {
			found = append(found, fault)
		}
	}
	check(slug.MatchString(r.ID), "the id is not a slug")
	check(slices.Contains([]Kind{Technique, Exercise, Framework, Reading, HelpLine}, r.Kind), "the kind is unknown")
	check(strings.TrimSpace(r.Title) != "", "no title")
	check(len(r.Topics) > 0, "no topics")
	check(len(r.Needs) > 0, "no needs")
	check(len(r.Emotions) > 0, "no emotions")
	check(strings.TrimSpace(r.Summary) != "", "no summary")
	check(strings.TrimSpace(r.Evidence) != "", "no evidence note")
	check(len(r.Steps) > 0, "no steps")
	check(r.Minutes >= 0 && r.Minutes <= 240, "minutes out of range")
	check(r.Minutes > 0 || r.Kind == Reading || r.Kind == HelpLine, "no minutes")
	check((r.Kind == HelpLine) == (r.Line != nil), "a help line, and nothing else, has a line")
	if r.Line != nil {
		checkLine(r, check)
	}
	return found
}

func checkLine(r Resource, check func(fine bool, fault string)) {
	checkKept := func(source, reviewed string) {
		page, err := url.Parse(source)
		check(err == nil && page.Scheme == "https" && page.Host != "", "no source, as a https URL")
		_, err = time.Parse(time.DateOnly, reviewed)
		check(err == nil, "no day of its review")
	}
	checkKept(r.Line.Source, r.Line.Reviewed)
	check((r.Line.Say == "") == (len(r.Line.Dangers) == 0), "what is said, and of which dangers, belong together")
	check(r.Line.Say == "" || len(r.Regions) > 0, "what a safe answer says is for regions")
	regions := slices.Clone(r.Regions)
	for _, e := range r.Emergency {
		checkKept(e.Source, e.Reviewed)
		check(e.Number != "", "no emergency number")
		regions = append(regions, e.Regions...)
	}
	for _, region := range regions {
		check(country.MatchString(region), "a region is not a country's code")
	}
}
