package bridge

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/links"
	"meai/internal/postgres"
)

var shared enginetest.Shared

// site is a web server whose pages answer as a test says, and a library of them.
type site struct {
	*Review
	*httptest.Server
	log bytes.Buffer

	mu     sync.Mutex
	status map[string]int
	asked  map[string]int
}

func newSite(t *testing.T, ids ...string) *site {
	t.Helper()
	s := &site{status: map[string]int{}, asked: map[string]int{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked[r.URL.Path[1:]]++
		if status := s.status[r.URL.Path[1:]]; status == http.StatusMovedPermanently {
			http.Redirect(w, r, "/there", status)
		} else if status > 0 {
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(s.Close)
	trusted := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	var all []Resource
	for _, id := range ids {
		all = append(all, Resource{
			ID: id, Kind: Reading, Title: "On sleep " + id, Topics: []string{"sleep", "night"}, Needs: []string{"certainty"}, Emotions: []string{"exhaustion"},
			Summary: "A book on sleep and long nights.", Steps: []string{"Read the first chapter."}, Evidence: "Not tested.",
			Format: Read, Complexity: Simple, Licence: "own wording", Reviewed: "2026-11-01", Source: s.URL + "/" + id,
		})
	}
	db, _ := shared.Database(t)
	s.Review = &Review{
		Library: newLibrary(nil, all), Links: NewLinks(db), Log: slog.New(slog.NewTextHandler(&s.log, nil)), pause: time.Millisecond,
		Checker: links.New(links.Options{TLS: &tls.Config{RootCAs: trusted}, Allow: func(netip.Addr) bool { return true }, Timeout: 5 * time.Second}),
	}
	return s
}

func (s *site) answers(id string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status[id] = status
}

// week is one review, as the workflow makes it.
func (s *site) week(t *testing.T, n int) ReviewFound {
	t.Helper()
	s.log.Reset()
	plan, err := s.Plan(t.Context(), struct{}{})
	require.NoError(t, err)
	_, err = s.CheckLinks(t.Context(), CheckLinksInput{Resources: plan.Links, At: weekOf(n)})
	require.NoError(t, err)
	found, err := s.Conclude(t.Context(), plan)
	require.NoError(t, err)
	return found
}

func weekOf(n int) time.Time {
	return time.Date(2026, 11, 2, 4, 30, 0, 123456789, time.UTC).AddDate(0, 0, 7*n)
}

func (s *site) offered(t *testing.T) []string {
	t.Helper()
	a := &Activities{Library: s.Library, Filter: strict(), Links: NewLinks(s.Links.db)}
	found, err := a.Search(t.Context(), SearchInput{Topic: "a book on sleep at night", Limit: 10})
	require.NoError(t, err)
	return ids(found)
}

func TestAPageThatStaysGoneIsNoLongerOffered(t *testing.T) {
	s := newSite(t, "kept", "lost", "moving", "shy")
	s.answers("lost", http.StatusNotFound)
	s.answers("moving", http.StatusMovedPermanently)
	s.answers("shy", http.StatusForbidden)
	for n := range goneFor - 1 {
		require.Empty(t, s.week(t, n).Withheld)
		require.Contains(t, s.offered(t), "lost", "a site may be away for a while")
	}
	found := s.week(t, goneFor-1)
	require.Equal(t, ReviewFound{
		Gone: []string{"lost 404 x3"}, Moved: []string{"moving 200 x3"}, Unreachable: []string{"shy 403 x3"}, Withheld: []string{"lost"},
	}, found)
	require.ElementsMatch(t, []string{"kept", "moving", "shy"}, s.offered(t))
	require.Contains(t, s.log.String(), `level=ERROR msg="resources are no longer offered, for their pages stay gone" entries=lost`)
	require.NotContains(t, s.log.String(), "https://", "ids and codes only")

	c := &Catalogue{Library: s.Library, Links: s.Links}
	described, err := c.Describe(t.Context(), "lost")
	require.NoError(t, err)
	require.True(t, described.Withheld)
	require.Equal(t, &LinkState{State: links.Gone, Code: "404", Since: weekOf(0).Truncate(time.Microsecond), Checked: weekOf(2).Truncate(time.Microsecond), InARow: 3}, utc(described.Link))

	t.Run("until it is there again", func(t *testing.T) {
		s.answers("lost", 0)
		require.Empty(t, s.week(t, 3).Withheld)
		require.Contains(t, s.offered(t), "lost")
		state, err := s.Links.State(t.Context(), s.Library.byID["lost"].Resource)
		require.NoError(t, err)
		require.Equal(t, 1, state.InARow)
		require.Equal(t, weekOf(3).Truncate(time.Microsecond), state.Since.UTC())
	})
	t.Run("or the library names another page", func(t *testing.T) {
		s.answers("kept", http.StatusGone)
		for n := range goneFor {
			s.week(t, 4+n)
		}
		require.NotContains(t, s.offered(t), "kept")
		s.Library.byID["kept"].Source = s.URL + "/there"
		require.Contains(t, s.offered(t), "kept", "at once")
		state, err := s.Links.State(t.Context(), s.Library.byID["kept"].Resource)
		require.NoError(t, err)
		require.Nil(t, state, "nothing is known of the new page")
	})
}

func utc(s *LinkState) *LinkState {
	s.Since, s.Checked = s.Since.UTC(), s.Checked.UTC()
	return s
}

func TestTheSameCheckAgainCountsOnce(t *testing.T) {
	s := newSite(t, "once")
	s.answers("once", http.StatusNotFound)
	for range 4 {
		s.week(t, 0)
	}
	state, err := s.Links.State(t.Context(), s.Library.byID["once"].Resource)
	require.NoError(t, err)
	require.Equal(t, 1, state.InARow)
	require.Equal(t, 2, s.asked["once"], "HEAD and GET, once each")
}

func TestWhatIsNotCheckedIsForgotten(t *testing.T) {
	s := newSite(t, "early", "later")
	s.week(t, 0)
	s.Library.entries = s.Library.entries[1:]
	s.week(t, 1)
	all, err := s.Links.all(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)

	s.Checker = nil // checks are switched off
	require.Equal(t, ReviewFound{}, s.week(t, 2))
	all, err = s.Links.all(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestTheReviewNamesWhatIsDue(t *testing.T) {
	s := newSite(t, "old", "new")
	s.Checker = nil
	s.Library.byID["old"].Reviewed = "2020-01-01"
	require.Equal(t, ReviewFound{Overdue: []string{"old"}}, s.week(t, 0))
	require.Contains(t, s.log.String(), "entries=old")
}

func TestSearchGoesOnWithoutTheDatabase(t *testing.T) {
	s := newSite(t, "sole")
	_, urls := shared.Database(t)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: urls.App})
	require.NoError(t, err)
	db.Close()
	s.Links = NewLinks(db)
	require.Equal(t, []string{"sole"}, s.offered(t))
	described, err := (&Catalogue{Library: s.Library, Links: s.Links}).Describe(t.Context(), "sole")
	require.NoError(t, err)
	require.Equal(t, []string{"link_unavailable"}, described.Degraded)
	_, err = (&Catalogue{Library: s.Library, Links: s.Links}).Describe(t.Context(), "nobody-knows")
	require.True(t, failure.Is(err, failure.NotFound))
	require.NotContains(t, err.Error(), "nobody-knows")
}
