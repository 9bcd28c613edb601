package people

// The parts of an archive, for tests that forge one with the right key.
var (
	Place        = place
	ReadPreamble = readPreamble
)
