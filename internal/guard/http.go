package guard

import (
	"io"
	"net/http"
)

// HTTPClient goes where it is told and nowhere else: a redirect would send what is
// asked to an address that nobody configured. Responses are cut off after so many
// bytes.
func HTTPClient(transport http.RoundTripper, mostBytes int64) *http.Client {
	return &http.Client{
		Transport:     bounded{transport, mostBytes},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts responses off.
type bounded struct {
	http.RoundTripper
	most int64
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, b.most), response.Body}
	}
	return response, err
}
