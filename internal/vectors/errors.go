package vectors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/weaviate/weaviate-go-client/v4/weaviate/fault"
	"github.com/weaviate/weaviate/entities/models"
)

var (
	// ErrUnavailable: Weaviate cannot be reached, is overloaded or did not answer
	// in time. The same call may succeed later; callers go on without it.
	ErrUnavailable = errors.New("weaviate is unavailable")
	// ErrNoTenant: nothing was ever indexed for this person, or it was deleted.
	ErrNoTenant = errors.New("weaviate holds no tenant for this subject")
)

// classify gives an error of the client its meaning. The client wraps causes
// without Unwrap, so its own type has to be looked into.
func classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var answered *fault.WeaviateClientError
	if !errors.As(err, &answered) {
		// Everything else comes from the transport: refused, reset, timed out.
		return unavailable(err)
	}
	switch {
	case answered.DerivedFromError != nil:
		return classify(answered.DerivedFromError)
	case answered.StatusCode >= http.StatusInternalServerError, answered.StatusCode == http.StatusTooManyRequests:
		return unavailable(err)
	case mentionsMissingTenant(answered.Msg):
		return fmt.Errorf("%w: %w", ErrNoTenant, err)
	default:
		return err
	}
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// classifyGraphQL reads the errors that a GraphQL answer carries beside status 200.
func classifyGraphQL(response *models.GraphQLResponse, err error) error {
	if err != nil {
		return classify(err)
	}
	if len(response.Errors) == 0 {
		return nil
	}
	messages := make([]string, len(response.Errors))
	for i, e := range response.Errors {
		messages[i] = e.Message
	}
	all := strings.Join(messages, "; ")
	if mentionsMissingTenant(all) {
		return fmt.Errorf("%w: %s", ErrNoTenant, all)
	}
	return fmt.Errorf("weaviate refused the query: %s", all)
}

// mentionsMissingTenant recognises the one failure that Weaviate tells by text alone.
func mentionsMissingTenant(message string) bool {
	return strings.Contains(message, "tenant not found")
}
