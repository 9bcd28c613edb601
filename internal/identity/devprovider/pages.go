package devprovider

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/op"

	"meai/internal/identity/devlogin"
)

//go:embed pages.html
var pagesHTML string

var templates = template.Must(template.New("").Parse(pagesHTML))

// pages are what a person sees: the way in, the login form, and the token.
type pages struct {
	storage  *storage
	issuer   string
	public   string
	callback func(context.Context, string) string
}

func (p *pages) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.begin)
	mux.HandleFunc("GET /login", p.form)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("GET /signed-in", p.signedIn)
}

// verifierCookie keeps the PKCE verifier between the two halves of the flow.
const verifierCookie = "meai-dev-verifier"

// begin starts the authorization code flow in the part of a client.
func (p *pages) begin(w http.ResponseWriter, r *http.Request) {
	verifier := devlogin.Verifier()
	http.SetCookie(w, &http.Cookie{
		Name: verifierCookie, Value: verifier, Path: devlogin.Path, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(loginLifetime.Seconds()),
	})
	http.Redirect(w, r, devlogin.AuthorizeURL(p.issuer, verifier, stateOf(verifier), p.issuer+"/signed-in"), http.StatusSeeOther)
}

// stateOf binds the answer to this browser: only it has the verifier.
func stateOf(verifier string) string { return devlogin.Challenge("state " + verifier) }

func (p *pages) form(w http.ResponseWriter, r *http.Request) {
	p.show(w, http.StatusOK, "login", map[string]string{"Request": r.URL.Query().Get("request")})
}

func (p *pages) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	id, name := r.PostFormValue("request"), strings.TrimSpace(r.PostFormValue("name"))
	if !validName(name) {
		p.show(w, http.StatusBadRequest, "login", map[string]string{
			"Request": id, "Problem": "A name has letters, digits, dots, dashes or underscores, at most 100.",
		})
		return
	}
	if err := p.storage.finish(id, name, r.PostFormValue("mfa") != ""); err != nil {
		p.show(w, http.StatusBadRequest, "problem", map[string]string{"Problem": "This login is over. Begin again."})
		return
	}
	ctx := op.ContextWithIssuer(r.Context(), p.issuer)
	http.Redirect(w, r, p.callback(ctx, id), http.StatusSeeOther)
}

// signedIn ends the flow in the part of a client: it exchanges the code.
func (p *pages) signedIn(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(verifierCookie)
	if err != nil || r.URL.Query().Get("state") != stateOf(cookie.Value) {
		p.show(w, http.StatusBadRequest, "problem", map[string]string{"Problem": "This answer belongs to no login of this browser. Begin again."})
		return
	}
	token, err := devlogin.Exchange(r.Context(), p.issuer, r.URL.Query().Get("code"), cookie.Value, p.issuer+"/signed-in")
	if err != nil {
		p.show(w, http.StatusBadGateway, "problem", map[string]string{"Problem": "The code was not accepted. Begin again."})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: verifierCookie, Path: devlogin.Path, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	p.show(w, http.StatusOK, "token", map[string]string{"Token": token, "URL": p.public, "Minutes": fmt.Sprint(int(tokenLifetime.Minutes()))})
}

func (p *pages) show(w http.ResponseWriter, status int, name string, data map[string]string) {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// No form-action: the login ends in a redirect to the client's own address.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // a browser that went away is nobody's failure
}
