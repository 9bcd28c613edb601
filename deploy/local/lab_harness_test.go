package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/deploy/local/internal/lab"
)

// twoRegionsLab is one run of "meai-local up --regions 2".
type twoRegionsLab struct {
	*local
	lab.Described
	plan *lab.Plan
}

func upLab(t *testing.T, data string, extra ...string) *twoRegionsLab {
	t.Helper()
	l := &twoRegionsLab{local: up(t, data, append([]string{"--regions", "2"}, extra...)...)}
	text, err := os.ReadFile(filepath.Join(data, lab.LabFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &l.Described))
	l.plan, err = lab.ReadPlan(data)
	require.NoError(t, err)
	return l
}

// say runs a command of meai-local on the lab.
func (l *twoRegionsLab) say(t *testing.T, args ...string) string {
	t.Helper()
	out, err := program(append(args, "--data", l.Data)...).CombinedOutput()
	require.NoError(t, err, "%v: %s\n%s", args, out, l.out.String())
	return string(out)
}

// everyone are the ids of all processes of the lab but its own.
func (l *twoRegionsLab) everyone(t *testing.T) []int {
	t.Helper()
	return descendants(t, l.cmd.Process.Pid)
}

func descendants(t *testing.T, parent int) []int {
	t.Helper()
	all := childrenOf(t, parent)
	for _, child := range all {
		all = append(all, descendants(t, child)...)
	}
	return all
}

// ask runs a statement as the superuser in the product's database of a region, past the network.
func (l *twoRegionsLab) ask(t *testing.T, region, sql string, into ...any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, strings.Replace(l.plan.SuperuserURL(region), "/postgres?", "/meai?", 1))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if len(into) == 0 {
		_, err := conn.Exec(ctx, sql)
		return err
	}
	return conn.QueryRow(ctx, sql).Scan(into...)
}

// write leaves a word in a region.
func (l *twoRegionsLab) write(t *testing.T, region, word string) {
	t.Helper()
	require.NoError(t, l.ask(t, region, "create table if not exists words (word text); insert into words values ('"+word+"')"))
}

// has reports whether a region has a word.
func (l *twoRegionsLab) has(t *testing.T, region, word string) bool {
	t.Helper()
	var n int
	return l.ask(t, region, "select count(*) from words where word = '"+word+"'", &n) == nil && n > 0
}

func (l *twoRegionsLab) requireArrives(t *testing.T, region, word string) {
	t.Helper()
	require.Eventually(t, func() bool { return l.has(t, region, word) }, time.Minute, 20*time.Millisecond, "%s does not arrive in %s\n%s", word, region, l.out.String())
}

// reaches reports whether a member of the register answers at an address.
func reaches(url string) bool {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url + "/version")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// serves reports whether a member of the register hears from a majority.
func serves(url string) bool {
	client := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url + "/health")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (l *twoRegionsLab) etcdFrom(from, to string) string {
	return "http://" + l.Sites[from].Seen[to]["etcd"]
}

// own is a member's address past the network.
func (l *twoRegionsLab) own(site string) string { return l.Etcd[site][0] }

// meai is the product's binary.
func meai(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(sharedBin, "meai"))
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, json.NewDecoder(response.Body).Decode(into))
}
