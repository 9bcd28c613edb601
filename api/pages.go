package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

//go:embed openapi.yaml
var contractYAML []byte

// registerPages adds what is for reading: the contract, its pages and those that
// explain the problems. All of it is in the binary and loads nothing from elsewhere.
func registerPages(e *echo.Echo) error {
	contractJSON, err := GetSpecJSON()
	if err != nil {
		return fmt.Errorf("load the contract: %w", err)
	}
	e.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", contractYAML) })
	e.GET("/openapi.json", func(c echo.Context) error { return c.JSONBlob(http.StatusOK, contractJSON) })
	e.GET("/problems/:name", explainProblem)
	return registerDocs(e)
}

func registerDocs(e *echo.Echo) error {
	handler := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "MeAi", SwaggerJSON: "/openapi.json", BasePath: "/docs",
		SettingsUI: map[string]string{"persistAuthorization": "false"},
	})
	policy, err := docsPolicy(handler)
	if err != nil {
		return err
	}
	serve := func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, policy)
		handler.ServeHTTP(c.Response(), c.Request())
		return nil
	}
	e.GET("/docs", serve)
	e.GET("/docs/*", serve)
	return nil
}

var inline = map[string]*regexp.Regexp{
	"script": regexp.MustCompile(`(?s)<script>(.*?)</script>`),
	"style":  regexp.MustCompile(`(?s)<style>(.*?)</style>`),
}

// docsPolicy allows exactly the inline scripts and styles of the page, by their
// hashes, and otherwise only what this server serves. Swagger UI sets styles of
// elements through the object model, which needs no permission.
func docsPolicy(page http.Handler) (string, error) {
	request, err := http.NewRequest(http.MethodGet, "/docs", nil)
	if err != nil {
		return "", fmt.Errorf("ask for the docs page: %w", err)
	}
	var rendered capture
	page.ServeHTTP(&rendered, request)
	sources := map[string]string{}
	for kind, pattern := range inline {
		found := pattern.FindAllSubmatch(rendered.body.Bytes(), -1)
		if len(found) == 0 {
			return "", fmt.Errorf("the docs page has no %s to allow", kind)
		}
		sources[kind] = "'self'"
		for _, element := range found {
			hash := sha256.Sum256(element[1])
			sources[kind] += " 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
		}
	}
	return "default-src 'none'; script-src " + sources["script"] + "; style-src " + sources["style"] + "; " +
		"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", nil
}

// capture keeps a page that is rendered at start.
type capture struct {
	header http.Header
	body   bytes.Buffer
}

func (c *capture) Header() http.Header {
	if c.header == nil {
		c.header = http.Header{}
	}
	return c.header
}
func (c *capture) Write(p []byte) (int, error) { return c.body.Write(p) }
func (c *capture) WriteHeader(int)             {}

var problemPage = template.Must(template.New("problem").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p><code>{{.Code}}</code>, status {{.Status}}</p>
<p>{{.Meaning}}</p>
</html>
`))

// explainProblem serves the page that a problem's type links to.
func explainProblem(c echo.Context) error {
	name := code(strings.ReplaceAll(c.Param("name"), "-", "_"))
	e, ok := explanations[name]
	if !ok {
		return echo.ErrNotFound
	}
	var page bytes.Buffer
	err := problemPage.Execute(&page, map[string]any{"Title": e.title, "Code": string(name), "Status": e.status, "Meaning": e.meaning})
	if err != nil {
		return fmt.Errorf("render the page of a problem: %w", err)
	}
	return c.HTMLBlob(http.StatusOK, page.Bytes())
}
