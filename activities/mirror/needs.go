package mirror

// needCues name each need's cues in plain words. The first six are the needs of
// the companion's requirements, the last three those of self-determination
// theory (Deci and Ryan).
var needCues = []struct {
	name            string
	lacking, filled []string
}{
	{"certainty", []string{"uncertain", "don't know what will", "what if", "unsure", "insecure", "unpredictable", "worried about money", "afraid of losing", "might lose", "don't know where to start"}, []string{"safe", "secure", "stable", "finally settled", "certain"}},
	{"variety", []string{"bored", "boring", "same every day", "routine", "monotonous", "stuck in a rut", "nothing new"}, []string{"adventure", "something new", "trip", "travelling", "excited about"}},
	{"significance", []string{"ignored", "overlooked", "not good enough", "nobody notices", "invisible", "don't matter", "takes credit", "disrespected", "worthless"}, []string{"recognised", "recognized", "promoted", "promotion", "appreciated me", "proud of me", "respected"}},
	{"connection", []string{"alone", "lonely", "left out", "miss her", "miss him", "moved away", "no friends", "nobody to talk", "no one to talk", "isolated", "without her", "without him", "broke up", "feels empty", "feels so empty", "distant"}, []string{"friends", "together", "close to", "hugged", "held hands", "my family", "loved"}},
	{"growth", []string{"stuck", "getting nowhere", "no progress", "standing still", "wasting my life"}, []string{"learned", "learning", "progress", "improving", "passed", "grew"}},
	{"contribution", []string{"useless", "nobody needs me", "make no difference", "pointless work"}, []string{"helped", "volunteered", "volunteering", "taught", "gave back"}},
	{"autonomy", []string{"controlling", "have no choice", "no say", "forced to", "tells me what", "have to do", "pressured", "trapped", "not allowed"}, []string{"my own decision", "said no", "i decided", "chose", "on my own terms", "free"}},
	{"competence", []string{"failed", "can't keep up", "cannot keep up", "can't do anything right", "incapable", "not smart", "struggling with", "imposter", "too much"}, []string{"i did it", "i made it", "managed to", "finished", "succeeded", "got better at"}},
	{"relatedness", []string{"nobody understands", "no one understands", "rejected", "don't belong", "misunderstood", "nobody listens"}, []string{"understood me", "belong", "there for me", "listened to me"}},
}

// needs names the needs that the text speaks of, lacking before met.
func (r reading) needs() []Need {
	var found []Need
	for _, n := range needCues {
		switch {
		case r.has(n.lacking...):
			found = append(found, Need{Name: n.name, Lacking: true})
		case r.has(n.filled...):
			found = append(found, Need{Name: n.name})
		}
	}
	return found
}
