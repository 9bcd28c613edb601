package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

const (
	// maxBody is the largest request body in bytes, maxLines that of JSON lines.
	maxBody  = 64 << 10
	maxLines = 8 << 20
	// maxDepth is how deep a body may nest, and maxTokens how many names, values
	// and brackets it may hold: several times what the contract has use for. A body
	// of brackets alone would cost the validator far more than words do.
	maxDepth  = 16
	maxTokens = 2000
)

// readBody reads the body whole, checks that it is JSON in UTF-8 and puts it back
// for whoever reads next. The JSON decoders behind would replace broken UTF-8
// silently, and a person's words must not change on the way in. What was read is
// returned with an error as well.
func (k *contract) readBody(c echo.Context, op operation) ([]byte, error) {
	if op.streamed() {
		return nil, k.openBody(c, op)
	}
	if op.media == jsonLines { // more to read takes longer
		if err := k.allow(c, linesTimeout); err != nil {
			return nil, err
		}
	}
	data, err := readAll(c, op.most())
	if err != nil {
		return nil, err
	}
	r := c.Request()
	r.ContentLength, r.GetBody = int64(len(data)), nil
	if len(data) == 0 {
		r.Body = http.NoBody
		if op.body.Required {
			return nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Reason: "is required"})
		}
		return nil, nil
	}
	if err := checkMediaType(r.Header, op.media); err != nil {
		return data, err
	}
	r.Header.Set(echo.HeaderContentType, op.media)
	r.Body = io.NopCloser(bytes.NewReader(data))
	if op.media == jsonLines {
		return data, nil // its handler checks line by line
	}
	return data, checkJSON(data)
}

const (
	// jsonLines is the media type of one JSON value a line.
	jsonLines = "application/x-ndjson"
	// form is that of a body in parts, which is not held in memory.
	form = "multipart/form-data"
)

// streamed: the body is read by its handler, as it arrives.
func (o operation) streamed() bool { return o.media == form }

// openBody leaves the body to its handler, with some time for each piece of it.
func (k *contract) openBody(c echo.Context, op operation) error {
	r := c.Request()
	r.Body = struct {
		io.Reader
		io.Closer
	}{&patientReader{r.Body, func(within time.Duration) error { return k.allow(c, within) }}, r.Body}
	if err := checkMediaType(r.Header, op.media); err != nil {
		return err
	}
	if _, parameters, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); parameters["boundary"] == "" {
		return fieldProblem(malformedRequest, FieldError{In: FieldErrorInHeader, Pointer: echo.HeaderContentType, Reason: "names no boundary"})
	}
	return nil
}

func init() { openapi3filter.RegisterBodyDecoder(jsonLines, openapi3filter.FileBodyDecoder) }

// most is the largest body that the operation takes.
func (o operation) most() int64 {
	if o.media == jsonLines {
		return maxLines
	}
	return maxBody
}

// boundBody gives a body its time to arrive, also where nobody reads it: the
// server itself takes the rest of a body before it answers the next request, and
// would wait for it without end. net/http lifts the deadline when the body is read
// to its end.
func (k *contract) boundBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength != 0 {
			if err := k.allow(c, k.bodyTimeout); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// linesTimeout is the time that JSON lines have to arrive: 8 MiB at 1 Mbit/s.
const linesTimeout = 70 * time.Second

// allow sets the time within which the body has to arrive.
func (k *contract) allow(c echo.Context, within time.Duration) error {
	err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(within))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("bound the reading of the body: %w", err)
	}
	return nil
}

func readAll(c echo.Context, most int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > most {
		return nil, &problem{code: bodyTooLarge}
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &problem{code: bodyTooLarge}
	case err != nil:
		return nil, &problem{code: malformedRequest, cause: fmt.Errorf("read the body: %w", err),
			errors: []FieldError{{In: FieldErrorInBody, Reason: "did not arrive in full"}}}
	}
	return data, nil
}

func checkMediaType(h http.Header, want string) error {
	kind, parameters, err := mime.ParseMediaType(h.Get(echo.HeaderContentType))
	charset := parameters["charset"]
	if err != nil || kind != want || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return &problem{code: unsupportedMediaType, errors: []FieldError{
			{In: FieldErrorInHeader, Pointer: echo.HeaderContentType, Reason: "must be " + want}}}
	}
	if encoding := h.Get(echo.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &problem{code: unsupportedMediaType, errors: []FieldError{
			{In: FieldErrorInHeader, Pointer: echo.HeaderContentEncoding, Reason: "is not supported"}}}
	}
	return nil
}

// checkJSON accepts exactly one JSON value in UTF-8 that is neither deep nor made
// of very many parts; of repeated keys the last one counts.
func checkJSON(data []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	refuse := func(reason string) error {
		return fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Reason: reason})
	}
	for tokens := 1; ; tokens++ {
		_, err := decoder.ReadToken()
		switch {
		case err != nil:
			return notJSON(data, err)
		case decoder.StackDepth() > maxDepth:
			return refuse(fmt.Sprintf("nests deeper than %d levels", maxDepth))
		case tokens > maxTokens:
			return refuse(fmt.Sprintf("holds more than %d values", maxTokens))
		case decoder.StackDepth() == 0:
			if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
				return refuse("holds more than one JSON value")
			}
			return nil
		}
	}
}

func notJSON(data []byte, err error) error {
	fault := FieldError{In: FieldErrorInBody, Reason: "is not JSON"}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		fault.Pointer = shortPointer(string(syntax.JSONPointer))
	}
	if !utf8.Valid(data) {
		fault.Reason = "is not UTF-8"
	}
	return fieldProblem(malformedRequest, fault)
}

// mostSaid bounds how much of a refused body is looked through for signs of danger.
const mostSaid = 10_000

// saidIn is the text in a body, as far as it is JSON: a person in danger gets help
// also when their message is too long, or their client has a fault. Of very much
// text it is the beginning and the end.
func saidIn(body []byte) string {
	var said strings.Builder
	decoder := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			break
		}
		if token.Kind() == '"' {
			said.WriteString(token.String())
			said.WriteByte('\n')
		}
	}
	text := said.String()
	if len(text) > mostSaid {
		text = text[:mostSaid/2] + "\n" + text[len(text)-mostSaid/2:]
	}
	return strings.ToValidUTF8(text, "")
}

func fieldProblem(c code, faults ...FieldError) *problem { return &problem{code: c, errors: faults} }
