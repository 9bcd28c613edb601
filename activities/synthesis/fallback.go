package synthesis

import "meai/activities/mirror"

// FallbackAnswer is the answer when nothing composed could be reviewed or
// passed. Its text was reviewed beforehand, so it says nothing that depends on
// the person's words except the direction of their feeling, and it is honest
// about being less than they hoped for. analysis may be nil. It is pure, so that
// workflow code may call it.
func FallbackAnswer(analysis *mirror.Analysis) Answer {
	parts := []Component{
		{"Thank you for telling me this. I want to be honest with you: I could not prepare the full answer that your words deserve just now.", "honest", "acknowledgement"},
		{fallbackFeeling(analysis), "gentle", "validation"},
	}
	if needsCare(analysis) {
		parts = append(parts, careLine)
	}
	question := "Would you like to tell me what part of it matters most to you, so that we can begin there?"
	parts = append(parts, Component{question, "open", "follow_up"})
	return Answer{Source: Fallback, Text: joinComponents(parts), Components: parts, FollowUp: question}
}

// fallbackFeeling says no more than which way the feeling points.
func fallbackFeeling(analysis *mirror.Analysis) string {
	if analysis == nil {
		return "What you wrote has been kept, and you don't have to say it all again."
	}
	switch feelingOf(analysis.Primary, analysis.Valence).family {
	case bright, tender:
		return "It sounded as if there was something good in it, and I would like to give that its place. What you wrote has been kept."
	case heavy, shaken, heated:
		return "It sounded as if this is not easy for you, and it may help to take it slowly. What you wrote has been kept, and you don't have to say it all again."
	default:
		return "What you wrote has been kept, and you don't have to say it all again."
	}
}

// StoppedAnswer is told in the place of an answer to a person who does not agree any more to
// what it would take, or has their data stored only. It is pure, so that workflow code may
// call it.
func StoppedAnswer() Answer {
	parts := []Component{
		{"I have stopped working on this message: your consent to it is not there any more, or you have your data stored and nothing done with it.", "honest", "acknowledgement"},
		{"What you wrote is kept as it is. You can read it, and delete it whenever you want.", "plain", "validation"},
	}
	return Answer{Source: Stopped, Text: joinComponents(parts), Components: parts}
}
