package memory_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/internal/enginetest"
	"meai/internal/language/languagetest"
	"meai/internal/language/languagetest/script"
)

func TestMain(m *testing.M) {
	code := m.Run()
	languagetest.Clean()
	os.Exit(code)
}

func reads(facts string) script.Script {
	return script.Script{Answers: map[string]string{"facts": `{"facts":[` + facts + `]}`}}
}

func TestALanguageModelAddsFactsThatAreMarkedAndCountLess(t *testing.T) {
	w := newWorld(t)
	server := languagetest.Start(t, reads(`{"subject":"","slot":"home","object":"Lyon","ends":false},{"subject":"","slot":"employer","object":"Acme","ends":false}`))
	reader, err := memory.NewFactReader(server.Model(t))
	require.NoError(t, err)
	w.Activities = memory.New(memory.Options{DB: w.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Reader: reader, Logger: enginetest.Logger(t)})
	p := w.newPerson(t)
	p.saysAt(t, day(1), "Ever since the move to Lyon I sleep badly.")

	facts, err := memory.NewGraph(w.db, w.keys).Facts(t.Context(), p.id, memory.AsOf{}, uuid.Nil)
	require.NoError(t, err)
	require.Len(t, facts, 1, "Acme stands nowhere in the text")
	require.True(t, facts[0].Inferred)
	require.Len(t, facts[0].Evidence, 1)

	p.saysAt(t, day(2), "I live in Porto.")
	require.Equal(t, []string{"me lives in Porto"}, p.believed(t, time.Now(), time.Now()), "the person's words close what was inferred")
	p.saysAt(t, day(3), "Lyon is so far away.")
	require.Equal(t, []string{"me lives in Porto"}, p.believed(t, time.Now(), time.Now()), "and are not closed by it")

	for _, fault := range []script.Fault{script.Garbage, script.Refuses, script.NotJSON, script.Quotes} {
		server.Script(t, script.Script{Fault: fault})
		p.saysAt(t, day(4), "I play the violin.")
	}
	require.Contains(t, p.believed(t, time.Now(), time.Now()), "me plays violin", "without an answer the built-in reading stands")
}

func TestNobodyOutsideIsAskedAboutSomebodyInDanger(t *testing.T) {
	w := newWorld(t)
	server := languagetest.Start(t, reads(""))
	reader, err := memory.NewFactReader(server.Model(t))
	require.NoError(t, err)
	w.Activities = memory.New(memory.Options{DB: w.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Reader: reader, Logger: enginetest.Logger(t)})
	p := w.newPerson(t)
	for _, analysis := range []*mirror.Analysis{nil, {Crisis: crisis.Assessment{Severity: crisis.Concern}}, {Crisis: crisis.Assessment{Severity: crisis.Imminent}}} {
		in := p.input("I live in Porto.")
		in.Analysis = analysis
		p.tells(t, w.Activities, in)
	}
	require.Empty(t, server.Asked(t))
	p.says(t, "I live in Ghent.")
	require.Len(t, server.Asked(t), 1)
}
