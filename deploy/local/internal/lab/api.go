package lab

import (
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"time"

	"meai/deploy/local/internal/network"
)

// SiteStatus is what the lab's interface tells of a site.
type SiteStatus struct {
	Running bool `json:"running"`
	PIDs
}

// apiURL is the base address of the lab's interface.
func (p *Plan) apiURL() string { return "http://" + network.Address("127.0.0.1", p.API) }

// serve opens the lab's interface to drills: links, and sites that die and come back.
func (l *Lab) serve() error {
	listener, err := net.Listen("tcp", network.Address("127.0.0.1", l.plan.API))
	if err != nil {
		return fmt.Errorf("open the lab's interface: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /links", func(w http.ResponseWriter, _ *http.Request) { answer(w, l.network.Links(), nil) })
	mux.HandleFunc("POST /links", l.setLink)
	mux.HandleFunc("POST /heal", func(w http.ResponseWriter, _ *http.Request) { answer(w, l.network.Links(), l.heal()) })
	mux.HandleFunc("GET /sites", func(w http.ResponseWriter, _ *http.Request) { answer(w, l.Sites(), nil) })
	mux.HandleFunc("POST /sites/{site}/{act}", l.actOnSite)
	l.api = &http.Server{Handler: guarded(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.api.Serve(listener) }() // it ends when the lab does
	return nil
}

// guarded keeps web pages out, which a browser on this machine may show: they cannot send this content type to another
// origin without asking first, and nobody answers.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && kind != "application/json" {
			http.Error(w, "the content type must be application/json", http.StatusUnsupportedMediaType)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (l *Lab) setLink(w http.ResponseWriter, r *http.Request) {
	var link network.Link
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&link)
	if err == nil {
		err = l.network.Set(link)
	}
	answer(w, l.network.Links(), err)
}

func (l *Lab) heal() error {
	for _, link := range l.network.Links() {
		if err := l.network.Set(network.Link{From: link.From, To: link.To, State: network.Up}); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) actOnSite(w http.ResponseWriter, r *http.Request) {
	site := r.PathValue("site")
	if number(site) == 0 {
		http.Error(w, "there is no such site", http.StatusNotFound)
		return
	}
	var err error
	switch r.PathValue("act") {
	case "kill":
		err = l.KillSite(r.Context(), site)
	case "stop":
		l.StopSite(site)
	case "start":
		err = l.StartSite(r.Context(), site)
	default:
		http.Error(w, "a site is killed, stopped or started", http.StatusNotFound)
		return
	}
	answer(w, l.Sites(), err)
}

// Sites tells which sites run, and their processes.
func (l *Lab) Sites() map[string]SiteStatus {
	all := map[string]SiteStatus{}
	for _, site := range Sites {
		l.mu.Lock()
		process := l.sites[site]
		l.mu.Unlock()
		var status SiteStatus
		if process != nil && process.PIDs().Engine != 0 {
			status.Running = true
			// A site that has just been started has not written the file yet.
			status.PIDs, _ = l.plan.pids(site)
		}
		all[site] = status
	}
	return all
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // who asked may be gone
}
