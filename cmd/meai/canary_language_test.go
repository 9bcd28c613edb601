package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/language/languagetest/script"
)

// wording is a language model's: it has words of its own, and quotes what it was
// sent when it fails.
func (w *watch) wording(fault script.Fault) script.Script {
	word := w.canaries.word(outsideContract)
	return script.Script{Fault: fault, Answers: map[string]string{
		"answer":   `{"reflection":"There is a lot around ` + word + ` in what you tell.","feeling":"That sounds heavy.","memory":0,"resource":0,"question":"What is it like with ` + word + `?"}`,
		"emotions": `{"primary":"` + word + `","secondary":[],"intensity":1,"confidence":1}`,
		"facts":    `{"facts":[{"subject":"","slot":"home","object":"` + word + `","ends":false}]}`,
	}}
}

// failModel lets the language model quote what it is asked in every way it can.
func (w *watch) failModel(t *testing.T) {
	t.Helper()
	for _, fault := range []script.Fault{script.Quotes, script.QuotesRaw, script.QuotesRefusal, script.Garbage, script.Refuses, script.NotJSON} {
		w.model.Script(t, w.wording(fault))
		id := w.sayWith(t, "My cousin "+w.spoken()+" and I quarrelled about the garden and I feel bad about it.", "wait=30")
		answered := w.person.await(t, id, within)
		require.NotEmpty(t, w.model.Asked(t), fault)
		require.NotEmpty(t, answered.Response.Degraded, fault)
	}
	w.model.Script(t, w.wording(script.None))
}
