package consent

import "time"

// Parse is parse.
var Parse = parse

// Standing is where a purpose stands after a decision.
func (d Definition) Standing(last *Record, now time.Time) Standing {
	return d.standing(history{decided: last}, now)
}
