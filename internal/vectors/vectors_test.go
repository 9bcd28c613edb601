package vectors_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/vectors"
)

const dimensions = 16

// open returns the stack's index, with its class in place.
func open(t testing.TB) *vectors.Index {
	t.Helper()
	cfg := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{
		URL: cfg.URL, APIKey: cfg.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	return index
}

// newTenant makes a tenant that is gone after the test.
func newTenant(t testing.TB, index *vectors.Index) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	require.NoError(t, index.EnsureTenant(t.Context(), subject))
	t.Cleanup(func() { require.NoError(t, index.DeleteTenant(context.Background(), subject)) })
	return subject
}

// pointing is a unit vector along one axis, with a little of the next.
func pointing(axis int, lean float64) []float32 {
	v := make([]float32, dimensions)
	v[axis%dimensions] = float32(math.Cos(lean))
	v[(axis+1)%dimensions] = float32(math.Sin(lean))
	return v
}

func memory(ordinal int, terms ...vectors.Term) vectors.Object {
	return vectors.Object{
		ID:   uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(ordinal >> 8), byte(ordinal)}),
		Kind: "turn", SaidAt: noon.Add(time.Duration(ordinal) * time.Hour), Model: "test",
		Vector: pointing(ordinal, 0), Turn: terms,
	}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func ids(hits []vectors.Hit) []uuid.UUID {
	list := make([]uuid.UUID, len(hits))
	for i, h := range hits {
		list[i] = h.ID
	}
	return list
}

func TestWordsAndMeaningFindAMemory(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	require.NoError(t, index.Put(t.Context(), subject,
		memory(0, 1, 2, 3), memory(1, 3, 4, 5), memory(2, 6, 7), memory(3, 8)))

	cases := map[string]struct {
		query vectors.Query
		want  int
	}{
		"by a word":                  {vectors.Query{Terms: []vectors.Term{4}, Limit: 1}, 1},
		"by meaning":                 {vectors.Query{Vector: pointing(2, 0.1), Limit: 1}, 2},
		"by a word nobody else said": {vectors.Query{Terms: []vectors.Term{999, 7}, Limit: 5}, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			hits, err := index.Search(t.Context(), subject, c.query)
			require.NoError(t, err)
			require.NotEmpty(t, hits)
			require.Equal(t, memory(c.want).ID, hits[0].ID)
		})
	}
}

func TestTheScoreByMeaningIsTheCosine(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	var objects []vectors.Object
	for i := range 30 {
		o := memory(i, 1)
		o.Vector = pointing(i%7, float64(i)/40)
		objects = append(objects, o)
	}
	require.NoError(t, index.Put(t.Context(), subject, objects...))
	asked := pointing(3, 0.25)
	hits, err := index.Search(t.Context(), subject, vectors.Query{Vector: asked, Limit: len(objects)})
	require.NoError(t, err)
	require.Len(t, hits, len(objects))
	for _, h := range hits {
		at := slices.IndexFunc(objects, func(o vectors.Object) bool { return o.ID == h.ID })
		require.InDelta(t, embedding.Cosine(asked, objects[at].Vector), h.Score, 1e-6)
	}
}

func TestASearchGoesByWordsOrByMeaning(t *testing.T) {
	index := open(t)
	_, err := index.Search(t.Context(), newTenant(t, index), vectors.Query{Terms: []vectors.Term{1}, Vector: pointing(0, 0), Limit: 1})
	require.Error(t, err)
}

func TestATurnIsFoundThroughTheOnesBesideIt(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	said, beside := memory(0, 10, 11), memory(1, 12)
	beside.Neighbours = []vectors.Term{10, 11}
	require.NoError(t, index.Put(t.Context(), subject, beside, said, memory(2, 14)))

	hits, err := index.Search(t.Context(), subject, vectors.Query{Terms: []vectors.Term{10, 11}, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{said.ID, beside.ID}, ids(hits), "what was said itself, then its neighbour")
}

func TestFiltersByKindAndTime(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	var objects []vectors.Object
	for i := range 6 {
		o := memory(i, 20)
		if i%2 == 1 {
			o.Kind = "marker"
		}
		objects = append(objects, o)
	}
	require.NoError(t, index.Put(t.Context(), subject, objects...))
	at := func(i int) *time.Time { return new(objects[i].SaidAt) }

	cases := map[string]struct {
		query vectors.Query
		want  []int
	}{
		"everything":               {vectors.Query{}, []int{0, 1, 2, 3, 4, 5}},
		"one kind":                 {vectors.Query{Kinds: []string{"marker"}}, []int{1, 3, 5}},
		"two kinds":                {vectors.Query{Kinds: []string{"marker", "turn"}}, []int{0, 1, 2, 3, 4, 5}},
		"from is inclusive":        {vectors.Query{From: at(4)}, []int{4, 5}},
		"to is exclusive":          {vectors.Query{To: at(2)}, []int{0, 1}},
		"kind and both bounds":     {vectors.Query{Kinds: []string{"turn"}, From: at(1), To: at(5)}, []int{2, 4}},
		"nothing of an alien kind": {vectors.Query{Kinds: []string{"echo"}}, nil},
	}
	for name, c := range cases {
		for _, arm := range []string{"words", "meaning"} {
			t.Run(name+" by "+arm, func(t *testing.T) {
				q := c.query
				if q.Limit = 10; arm == "words" {
					q.Terms = []vectors.Term{20}
				} else {
					q.Vector = pointing(0, 0.3)
				}
				hits, err := index.Search(t.Context(), subject, q)
				require.NoError(t, err)
				var want []uuid.UUID
				for _, i := range c.want {
					want = append(want, objects[i].ID)
				}
				require.ElementsMatch(t, want, ids(hits))
			})
		}
	}
}

func TestWritingTwiceChangesNothing(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	objects := make([]vectors.Object, 250)
	for i := range objects {
		objects[i] = memory(i, vectors.Term(i), vectors.Term(7000+i%5))
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			if err := index.Put(context.Background(), subject, objects...); err != nil {
				t.Errorf("write again: %v", err)
			}
		})
	}
	writers.Wait()
	count, err := index.Count(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, len(objects), count)

	changed := objects[3]
	changed.Turn = []vectors.Term{123456}
	require.NoError(t, index.Put(t.Context(), subject, changed))
	hits, err := index.Search(t.Context(), subject, vectors.Query{Terms: []vectors.Term{123456, 3}, Limit: 5})
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{changed.ID}, ids(hits), "the new terms replaced the old")
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	index := open(t)
	one, other := newTenant(t, index), newTenant(t, index)
	require.NoError(t, index.Put(t.Context(), one, memory(0, 1)))
	require.NoError(t, index.Put(t.Context(), other, memory(1, 1)))

	everything := vectors.Query{Vector: pointing(0, 0), Limit: 10}
	hits, err := index.Search(t.Context(), one, everything)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{memory(0).ID}, ids(hits))
	hits, err = index.Search(t.Context(), other, everything)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{memory(1).ID}, ids(hits))
}

func TestNothingIsWrittenWithoutATenant(t *testing.T) {
	index := open(t)
	stranger := uuid.New()
	require.ErrorIs(t, index.Put(t.Context(), stranger, memory(0, 1)), vectors.ErrNoTenant)
	_, err := index.Search(t.Context(), stranger, vectors.Query{Terms: []vectors.Term{1}, Limit: 1})
	require.ErrorIs(t, err, vectors.ErrNoTenant)
	count, err := index.Count(t.Context(), stranger)
	require.NoError(t, err)
	require.Zero(t, count)
	require.NoError(t, index.DeleteTenant(t.Context(), stranger), "deleting nothing is no error")
}

func TestADeletedTenantIsGoneAndStaysGone(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	require.NoError(t, index.EnsureTenant(t.Context(), subject), "making it twice is no error")
	require.NoError(t, index.Put(t.Context(), subject, memory(0, 1)))
	require.NoError(t, index.DeleteTenant(t.Context(), subject))
	require.ErrorIs(t, index.Put(t.Context(), subject, memory(0, 1)), vectors.ErrNoTenant)
	require.NoError(t, index.EnsureTenant(t.Context(), subject))
	count, err := index.Count(t.Context(), subject)
	require.NoError(t, err)
	require.Zero(t, count, "a new tenant of the same name is empty")
	hits, err := index.Search(t.Context(), subject, vectors.Query{Vector: pointing(0, 0), Limit: 3})
	require.NoError(t, err)
	require.Empty(t, hits)
}

func TestTheClassIsMadeOnce(t *testing.T) {
	index := open(t)
	var both sync.WaitGroup
	for range 3 {
		both.Go(func() {
			if err := index.EnsureClass(context.Background()); err != nil {
				t.Errorf("make the class again: %v", err)
			}
		})
	}
	both.Wait()
}

func TestWeaviateHoldsTermsInAnOrderOfTheirOwn(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	said := []vectors.Term{0xffffffffffffffff, 0x00000000000000ab, 0x5, 0xab}
	o := memory(0, said...)
	require.NoError(t, index.Put(t.Context(), subject, o))

	properties := storedProperties(t, subject, o.ID)
	require.Equal(t, "0000000000000005 00000000000000ab ffffffffffffffff", properties["turn"],
		"sorted by their hashes, each once")
	require.Len(t, properties, 5, "no other property is stored: %v", properties)
}

// storedProperties reads an object back through Weaviate's own API.
func storedProperties(t *testing.T, subject, id uuid.UUID) map[string]any {
	t.Helper()
	cfg := enginetest.Config(t).Weaviate
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		cfg.URL+"/v1/objects/Memory/"+id.String()+"?tenant="+vectors.TenantOf(subject), http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+cfg.APIKey)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var object struct {
		Properties map[string]any `json:"properties"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&object))
	return object.Properties
}

func TestUnavailableWhenNobodyAnswers(t *testing.T) {
	cases := map[string]string{
		"a closed port":         closedPort(t),
		"a server that fails":   answering(t, http.StatusServiceUnavailable),
		"a server that is full": answering(t, http.StatusTooManyRequests),
		"a server that hangs":   hanging(t),
	}
	for name, base := range cases {
		t.Run(name, func(t *testing.T) {
			index, err := vectors.Open(t.Context(), vectors.Options{URL: base, Timeout: 200 * time.Millisecond})
			require.NoError(t, err, "it may start before Weaviate does")
			t.Cleanup(index.Close)
			subject := uuid.New()
			_, err = index.Search(t.Context(), subject, vectors.Query{Terms: []vectors.Term{1}, Limit: 1})
			require.ErrorIs(t, err, vectors.ErrUnavailable)
			require.ErrorIs(t, index.Put(t.Context(), subject, memory(0, 1)), vectors.ErrUnavailable)
			require.ErrorIs(t, index.Ping(t.Context()), vectors.ErrUnavailable)
			_, err = index.Count(t.Context(), subject)
			require.ErrorIs(t, err, vectors.ErrUnavailable)
		})
	}
}

func TestSearchesStopWaitingForAServerThatHangs(t *testing.T) {
	index, err := vectors.Open(t.Context(), vectors.Options{URL: hanging(t), Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	search := func() time.Duration {
		start := time.Now()
		_, err := index.Search(t.Context(), uuid.New(), vectors.Query{Terms: []vectors.Term{1}, Limit: 1})
		require.ErrorIs(t, err, vectors.ErrUnavailable)
		return time.Since(start)
	}
	for range 3 {
		require.GreaterOrEqual(t, search(), 100*time.Millisecond)
	}
	require.Less(t, search(), 100*time.Millisecond, "the fourth is refused at once")
}

func TestARefusedRequestIsNotUnavailable(t *testing.T) {
	index, err := vectors.Open(t.Context(), vectors.Options{URL: answering(t, http.StatusUnauthorized)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	_, err = index.Search(t.Context(), uuid.New(), vectors.Query{Terms: []vectors.Term{1}, Limit: 1})
	require.Error(t, err)
	require.NotErrorIs(t, err, vectors.ErrUnavailable, "a wrong key does not mend itself")
}

func TestOpenRefusesWhatIsNoURL(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8085", "ftp://127.0.0.1", "http://", "http://%zz"} {
		_, err := vectors.Open(t.Context(), vectors.Options{URL: bad})
		require.Error(t, err, bad)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return "http://" + listener.Addr().String()
}

func answering(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return server.URL
}

// hanging accepts requests and never answers them.
func hanging(t *testing.T) string {
	t.Helper()
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/meta") {
			return // asked once while opening, bounded by a longer timeout
		}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	_, err := url.Parse(server.URL)
	require.NoError(t, err)
	return server.URL
}

func TestTermsAreSixteenHexadecimalDigits(t *testing.T) {
	require.Equal(t, "0000000000000001", vectors.Term(1).String())
	require.Equal(t, "ffffffffffffffff", vectors.Term(math.MaxUint64).String())
	for range 100 {
		require.Len(t, vectors.Term(rand.Uint64()>>rand.IntN(64)).String(), 16)
	}
}
