package drill

import "context"

// RunPlanted runs the good path and one drill that plants nothing: whoever breaks a
// verifier so that it sees nothing any more has the same.
func RunPlanted(ctx context.Context, o Options, names ...string) ([]Result, error) {
	s, err := newStage(ctx, o)
	if err != nil {
		return nil, err
	}
	nothing := func(context.Context, *bucket) error { return nil }
	results, err := s.run(ctx, []drill{planted("nothing", "Plant nothing.", nothing, names...)}, nil)
	if err != nil {
		return nil, err
	}
	return results, s.close()
}

// RunOnly runs the drills of these names.
func RunOnly(ctx context.Context, o Options, names ...string) ([]Result, error) {
	s, err := newStage(ctx, o)
	if err != nil {
		return nil, err
	}
	var some []drill
	for _, d := range s.drills() {
		for _, name := range names {
			if d.name == name {
				some = append(some, d)
			}
		}
	}
	results, err := s.run(ctx, some, nil)
	if err != nil {
		return nil, err
	}
	return results, s.close()
}
