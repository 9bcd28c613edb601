package truthfilter

import (
	"meai/activities/mirror"
)

// A mood is what an answer's tone has to fit.
type mood int

const (
	neutral mood = iota
	heavy
	bright
)

// feelings maps Mirror's emotion labels to their mood and to the stems of words
// that speak of them.
var feelings = map[string]struct {
	mood  mood
	stems map[string]bool
}{
	"overwhelm":      {heavy, stems("overwhelmed overwhelming overwhelm pile carry pressure load juggling drowning pulls once sort")},
	"anxiety":        {heavy, stems("anxious anxiety worry worried worrying nervous nerves uneasy tense dread panic uncertain unsettled")},
	"loneliness":     {heavy, stems("lonely loneliness alone isolated empty missing left company belong")},
	"grief":          {heavy, stems("grief grieving mourn loss lost miss missing death died sorrow gone goodbye")},
	"shame":          {heavy, stems("shame ashamed embarrassed embarrassing humiliated hide worth harsh mistake")},
	"guilt":          {heavy, stems("guilt guilty regret sorry blame mistake amends")},
	"anger":          {heavy, stems("angry anger furious rage mad unfair resent fury cross line")},
	"sadness":        {heavy, stems("sad sadness sorrow hurt hurts low down tears cry heavy painful pain")},
	"fear":           {heavy, stems("afraid fear scared frightened frightening scary terrified dread safe safety")},
	"frustration":    {heavy, stems("frustrated frustrating frustration stuck annoyed annoying fed irritating")},
	"disappointment": {heavy, stems("disappointed disappointing disappointment let hope hoped")},
	"despair":        {heavy, stems("despair hopeless pointless dark unbearable")},
	"jealousy":       {heavy, stems("jealous jealousy envy envious")},
	"exhaustion":     {heavy, stems("exhausted exhausting exhaustion tired tiring weary drained rest sleep worn energy")},
	"disgust":        {heavy, stems("disgust disgusted revolted")},
	"remorse":        {heavy, stems("remorse regret sorry")},
	"gratitude":      {bright, stems("grateful gratitude thankful thank thanks appreciate gift kind")},
	"joy":            {bright, stems("joy happy happiness glad delighted delight lovely light good wonderful")},
	"pride":          {bright, stems("proud pride achieved achievement earned managed accomplished")},
	"calm":           {bright, stems("calm peace peaceful quiet steady rest ease content")},
	"hope":           {bright, stems("hope hopeful looking forward possibility begin promising")},
	"love":           {bright, stems("love loving loved close tender affection dear warmth")},
	"relief":         {bright, stems("relief relieved weight lifted breathe finally easier")},
	"excitement":     {bright, stems("excited excitement thrilled eager")},
	"amusement":      {bright, stems("funny laugh laughing amused")},
	"curiosity":      {neutral, stems("curious curiosity wonder wondering interested explore question")},
	"confusion":      {neutral, stems("confused confusing confusion unsure torn unclear mixed sense")},
	"surprise":       {neutral, stems("surprised surprise unexpected sudden")},
	"neutral":        {},
}

// needStems are words that speak of a need.
var needStems = map[string]map[string]bool{
	"certainty":    stems("certain sure safe steady know plan predictable uncertain control"),
	"variety":      stems("new change different variety bored routine adventure"),
	"significance": stems("matter important seen valued recognised noticed respect count"),
	"connection":   stems("close connect connection together company friend belong alone"),
	"growth":       stems("grow growth learn develop improve change"),
	"contribution": stems("help give useful contribute care purpose"),
	"autonomy":     stems("choice choose decide free freedom own say control"),
	"competence":   stems("able manage skill cope capable good managed"),
	"relatedness":  stems("close belong together trust family friend loved"),
}

// moodOf is the mood that the analysis calls for. Unknown labels go by valence.
func moodOf(a *mirror.Analysis) mood {
	if a == nil {
		return neutral
	}
	if f, found := feelings[a.Primary]; found {
		return f.mood
	}
	switch {
	case a.Valence <= -0.3:
		return heavy
	case a.Valence >= 0.3:
		return bright
	default:
		return neutral
	}
}
