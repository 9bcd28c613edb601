package synthesis

// family groups feelings that are met in the same way.
type family int

const (
	plain  family = iota
	heavy         // sadness, grief, loneliness, shame
	shaken        // anxiety, fear, overwhelm
	heated        // anger, frustration
	bright        // joy, gratitude, pride
	tender        // calm, hope, love
	open          // curiosity, confusion
)

// feeling is how MeAi speaks of one emotion label.
type feeling struct {
	family family
	noun   string
}

func feelingOf(label string) feeling {
	return feelings[label]
}

var feelings = map[string]feeling{
	"sadness": {heavy, "sadness"}, "grief": {heavy, "grief"}, "loneliness": {heavy, "loneliness"}, "shame": {heavy, "shame"},
	"anxiety": {shaken, "worry"}, "fear": {shaken, "fear"}, "overwhelm": {shaken, "overwhelm"},
	"anger": {heated, "anger"}, "frustration": {heated, "frustration"},
	"joy": {bright, "joy"}, "gratitude": {bright, "gratitude"}, "pride": {bright, "pride"}, "relief": {bright, "relief"},
	"calm": {tender, "calm"}, "hope": {tender, "hope"}, "love": {tender, "love"},
	"confusion": {open, "confusion"}, "curiosity": {open, "curiosity"},
}
