package bridge

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// load reads and checks all collections of a file system, in order of their names.
func load(files fs.FS) ([]Resource, error) {
	all, err := read(files, "library/*.yaml")
	return all, errors.Join(err, validate(all))
}

// read reads the collections whose names fit the pattern.
func read(files fs.FS, pattern string) ([]Resource, error) {
	names, err := fs.Glob(files, pattern)
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
	return all, errors.Join(faults...)
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

var (
	country = regexp.MustCompile(`^[A-Z]{2}$`)
	slug    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// validate names everything that is wrong with a collection.
func validate(all []Resource) error {
	var faults []error
	known := make(map[string]bool)
	for i, r := range all {
		for _, missing := range faultsOf(r) {
			faults = append(faults, fmt.Errorf("resource %d (%q): %s", i+1, r.ID, missing))
		}
		if known[r.ID] {
			faults = append(faults, fmt.Errorf("resource %d (%q): the id is taken", i+1, r.ID))
		}
		known[r.ID] = true
	}
	for _, r := range all {
		for i, id := range r.Related {
			if !known[id] || id == r.ID || slices.Contains(r.Related[:i], id) {
				faults = append(faults, fmt.Errorf("resource %q: related %q is not another entry, named once", r.ID, id))
			}
		}
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
	check(slices.Contains(Kinds, r.Kind), "the kind is unknown")
	check(strings.TrimSpace(r.Title) != "", "no title")
	check(len(r.Topics) > 0, "no topics")
	check(len(r.Needs) > 0, "no needs")
	check(len(r.Emotions) > 0, "no emotions")
	check(strings.TrimSpace(r.Summary) != "", "no summary")
	check(strings.TrimSpace(r.Evidence) != "", "no evidence note")
	check(len(r.Steps) > 0, "no steps")
	check(r.Minutes >= 0 && r.Minutes <= 240, "minutes out of range")
	check(r.Minutes > 0 || r.Kind == Reading || r.Kind == HelpLine, "no minutes")
	check(slices.Contains(Formats, r.Format), "the format is unknown")
	check((r.Format == Read) == (r.Kind == Reading) && (r.Format == Call) == (r.Kind == HelpLine), "readings are read, help lines are called, and nothing else is")
	check(slices.Contains(Complexities, r.Complexity), "the complexity is unknown")
	check(strings.TrimSpace(r.Licence) != "", "no licence")
	check(reviewedOn(r.Reviewed), "no day of its review")
	check(isPage(r.Source) || r.Source == "" && r.Kind != Reading && r.Kind != HelpLine, "no source, as a https URL")
	check(len(r.Related) <= mostRelated, "too many related entries")
	for _, region := range r.Regions {
		check(country.MatchString(region), "a region is not a country's code")
	}
	checkLine(r, check)
	return found
}

// checkLine checks what only help lines have.
func checkLine(r Resource, check func(fine bool, fault string)) {
	check(r.Kind == HelpLine || r.Line == nil && len(r.Emergency) == 0, "only a help line has a line or emergency numbers")
	if r.Line != nil {
		check(r.Line.Say != "" && len(r.Line.Dangers) > 0, "what is said, and of which dangers, belong together")
		check(len(r.Regions) > 0, "what a safe answer says is for regions")
	}
	for _, e := range r.Emergency {
		check(isPage(e.Source), "no source, as a https URL")
		check(reviewedOn(e.Reviewed), "no day of its review")
		check(e.Number != "", "no emergency number")
		for _, region := range e.Regions {
			check(country.MatchString(region), "a region is not a country's code")
		}
	}
}

func isPage(source string) bool {
	page, err := url.Parse(source)
	return err == nil && page.Scheme == "https" && page.Host != "" && page.User == nil
}

func reviewedOn(day string) bool {
	_, err := time.Parse(time.DateOnly, day)
	return err == nil
}
