package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"meai/activities/privacy/consent"
	"meai/internal/authorization"
	"meai/internal/identity"
)

// contract holds every request to openapi.yaml before a handler sees it.
type contract struct {
	operations map[string]operation
	options    openapi3filter.Options
	// bodyTimeout bounds reading a body, so that a slow sender holds no request open.
	bodyTimeout time.Duration
	limits      *Limits
	region      string // of people who do not say where they are
	trail       *trail // nil without an audit log
	consents    Consents
}

// operation is one method of one address.
type operation struct {
	route *routers.Route
	id    string
	// scope is what the policies know the operation by besides its id; "" for one
	// that anybody may call.
	scope string
	// limit is the name of the rate limit it counts in; "" for none.
	limit string
	// purpose is what it uses a person's data for, "" for nothing that needs consent.
	purpose consent.Purpose
	body    *openapi3.RequestBody
	// media is the one media type of the body.
	media string
}

func newContract() (*contract, error) {
	doc, err := GetSpec()
	if err != nil {
		return nil, fmt.Errorf("load the contract: %w", err)
	}
	// For 3.1 the validator compiles a JSON schema anew on every request (1.6 ms
	// and 2,800 allocations measured, against 0.06 ms). What this contract uses
	// means the same in 3.0, whose validator walks the schema as it is.
	doc.OpenAPI = "3.0.3"
	c := &contract{operations: map[string]operation{}, bodyTimeout: 15 * time.Second, options: openapi3filter.Options{
		KeepValidatedValue: true, MultiError: true,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, // authenticate has done it
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(checkUUID)),
			openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(checkTime)),
		},
	}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			entry := operation{
				route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op},
				id:    operationID(op),
			}
			if entry.scope, err = scopeOf(op); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			entry.limit, _ = op.Extensions["x-rate-limit"].(string)
			if purpose, _ := op.Extensions["x-purpose"].(string); purpose != noPurpose {
				entry.purpose = consent.Purpose(purpose)
			}
			if op.RequestBody != nil {
				entry.body = op.RequestBody.Value
				for media := range entry.body.Content {
					entry.media = media
				}
			}
			c.operations[method+" "+echoPath(path)] = entry
		}
	}
	return c, nil
}

// operationID is the id as openapi.yaml spells it; the generator writes the copy
// that is in the binary with a capital.
func operationID(op *openapi3.Operation) string {
	first, size := utf8.DecodeRuneInString(op.OperationID)
	return string(unicode.ToLower(first)) + op.OperationID[size:]
}

// scopeOf reads the one scope of an operation; "" for one that says that it needs none.
func scopeOf(op *openapi3.Operation) (string, error) {
	if op.Security != nil && len(*op.Security) == 0 {
		return "", nil
	}
	if op.OperationID == "" || op.Security == nil || len(*op.Security) != 1 || len((*op.Security)[0]["bearer"]) != 1 {
		return "", errors.New("an operation has an id and names one scope, or security: []")
	}
	return (*op.Security)[0]["bearer"][0], nil
}

var pathParameter = regexp.MustCompile(`\{([^}]+)\}`)

// echoPath writes an address of the contract as the router does.
func echoPath(path string) string { return pathParameter.ReplaceAllString(path, ":$1") }

func checkUUID(s string) error {
	if _, err := uuid.Parse(s); err != nil || len(s) != len(uuid.UUID{}.String()) {
		return errors.New("not a UUID")
	}
	return nil
}

// checkTime is stricter than the validator's own pattern, which lets the 31st of
// February pass.
func checkTime(s string) error {
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return errors.New("not a time")
	}
	return nil
}

// middleware lets only requests through that the contract allows, with the
// caller in their context. Addresses outside the contract pass untouched.
func (k *contract) middleware(auth identity.Authenticator, policies *authorization.Policies) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			op, ok := k.operations[c.Request().Method+" "+c.Path()]
			if !ok {
				return next(c)
			}
			if op.scope != "" {
				// Personal from here on, problems included.
				c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
				if err := k.enter(c, op, auth); err != nil {
					return k.refuse(c, op, err)
				}
				if err := k.authorize(c, policies, op); err != nil {
					return err
				}
				if err := k.permit(c, op); err != nil {
					return k.refuse(c, op, err)
				}
			}
			var body []byte
			if op.body != nil {
				var err error
				if body, err = k.readBody(c, op); err != nil {
					return withSafety(err, saidIn(body), k.region)
				}
			}
			if err := k.validate(c, op); err != nil {
				return withSafety(err, saidIn(body), k.region)
			}
			return next(c)
		}
	}
}

// enter finds the caller and counts the request.
func (k *contract) enter(c echo.Context, op operation, auth identity.Authenticator) error {
	if err := k.limits.stopGuessing(c); err != nil {
		k.trail.refused(c, err)
		return err
	}
	if err := authenticate(c, auth); err != nil {
		err = k.limits.countGuess(c, err)
		k.trail.refused(c, err)
		return err
	}
	return k.limits.admit(c, op.limit)
}

// refuse turns a caller away for now. What they said is read all the same, so that a
// person in danger gets help, whatever they agree to; who is not known or not allowed gets
// none.
func (k *contract) refuse(c echo.Context, op operation, err error) error {
	told := classify(err)
	if op.body == nil || op.streamed() || told.status() < http.StatusTooManyRequests && told.purpose == "" || !k.limits.mayLook(c) {
		return err
	}
	body, _ := k.readBody(c, op) // refused already, whatever else is wrong with it
	return withSafety(err, saidIn(body), k.region)
}

func authenticate(c echo.Context, auth identity.Authenticator) error {
	r := c.Request()
	who, err := auth.Authenticate(r)
	if err != nil {
		return identityProblem(err)
	}
	c.SetRequest(r.WithContext(identity.WithCaller(r.Context(), who)))
	return nil
}

// authorize asks the policies. Everything that concerns a person concerns the
// caller: no operation takes another person's id.
func (k *contract) authorize(c echo.Context, policies *authorization.Policies, op operation) error {
	ctx := c.Request().Context()
	who, _ := identity.FromContext(ctx)
	k.trail.entered(ctx, who)
	switch policies.Decide(authorization.Request{Caller: who, Action: op.id, Scope: op.scope, Subject: who.Subject, Now: time.Now()}) {
	case authorization.Allowed:
		return nil
	case authorization.StepUp:
		return &problem{code: stepUpRequired}
	default:
		k.trail.denied(ctx, who, op.id)
		return &problem{code: forbidden}
	}
}

// noPurpose marks the operations for which no consent is needed.
const noPurpose = "none"

// permit asks whether the person agrees to what the operation does with their data.
func (k *contract) permit(c echo.Context, op operation) error {
	if op.purpose == "" {
		return nil
	}
	ctx := c.Request().Context()
	subject, err := caller(ctx)
	if err != nil {
		return err
	}
	err = k.consents.Permit(ctx, subject, op.purpose)
	if p := classify(err); err != nil && (p.code == consentRequired || p.code == processingRestricted) {
		p.purpose = op.purpose
		return p
	}
	return err
}

func (k *contract) validate(c echo.Context, op operation) error {
	r, route := c.Request(), op.route
	joinPreferences(r.Header)
	query := r.URL.Query()
	if err := onceEach(route.Operation.Parameters, r.Header, query); err != nil {
		return err
	}
	parameters := make(map[string]string, len(c.ParamNames()))
	for i, name := range c.ParamNames() {
		parameters[name] = c.ParamValues()[i]
	}
	options := k.options
	options.ExcludeRequestBody = op.streamed()
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, QueryParams: query, Route: route, Options: &options,
	})
	if err != nil {
		return violations(err)
	}
	return nil
}

// joinPreferences makes one Prefer header of several: they mean the same
// (RFC 9110, 5.3) and the generated binder takes one.
func joinPreferences(h http.Header) {
	if values := h.Values("Prefer"); len(values) > 1 {
		h.Set("Prefer", strings.Join(values, ", "))
	}
}

// onceEach refuses parameters that are given twice: which one counts would depend
// on who reads them.
func onceEach(parameters openapi3.Parameters, header http.Header, query url.Values) error {
	given := map[string]func(name string) []string{
		openapi3.ParameterInHeader: header.Values,
		openapi3.ParameterInQuery:  func(name string) []string { return query[name] },
	}
	for _, p := range parameters {
		if values := given[p.Value.In]; values != nil && len(values(p.Value.Name)) > 1 {
			return fieldProblem(malformedRequest, FieldError{In: FieldErrorIn(p.Value.In), Pointer: p.Value.Name, Reason: "must be given once"})
		}
	}
	return nil
}
