package embedding

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// OpenAIOptions says which OpenAI-compatible endpoint to use.
type OpenAIOptions struct {
	// BaseURL is the endpoint above /embeddings, such as http://127.0.0.1:11434/v1.
	// There is no default: a person's words never go to a third party unnamed.
	BaseURL string
	// APIKey is sent as a bearer token; local servers often need none.
	APIKey string
	// Model is the provider's name of the model.
	Model string
	// Dimensions is the length of the vectors that the provider returns. Any
	// other length is an error, since stored vectors could not be compared.
	Dimensions int
	// Shorten asks the provider to cut its vectors to Dimensions, which not every
	// server understands.
	Shorten bool
	// Timeout bounds one request; 0 means 10 s. There are no retries here: they
	// belong to the caller's policy.
	Timeout time.Duration
	// Batch is the most texts in one request; 0 means 128.
	Batch int
	// HTTPClient is used for requests; nil means a client of its own.
	HTTPClient *http.Client
}

func (o OpenAIOptions) withDefaults() OpenAIOptions {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Batch == 0 {
		o.Batch = 128
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	return o
}

// Validate reports everything that is wrong with the options.
func (o OpenAIOptions) Validate() error {
	var problems []error
	if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		problems = append(problems, errors.New("base url must be an absolute http or https address"))
	}
	if o.Model == "" {
		problems = append(problems, errors.New("model must be named"))
	}
	if o.Dimensions < 1 {
		problems = append(problems, errors.New("dimensions must be at least 1"))
	}
	if o.Timeout < 0 || o.Batch < 0 {
		problems = append(problems, errors.New("timeout and batch must not be negative"))
	}
	return errors.Join(problems...)
}

// OpenAI embeds with any server that speaks OpenAI's /v1/embeddings.
type OpenAI struct {
	options OpenAIOptions
	service openai.EmbeddingService
}

// NewOpenAI returns an embedder on the endpoint that o names. It does not
// connect: an endpoint that is down shows in [OpenAI.Embed].
func NewOpenAI(o OpenAIOptions) (*OpenAI, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("embedding provider: %w", err)
	}
	o = o.withDefaults()
	options := []option.RequestOption{
		option.WithBaseURL(o.BaseURL),
		option.WithHTTPClient(o.HTTPClient),
		option.WithRequestTimeout(o.Timeout),
		option.WithMaxRetries(0),
	}
	if o.APIKey != "" {
		options = append(options, option.WithAPIKey(o.APIKey))
	}
	return &OpenAI{options: o, service: openai.NewEmbeddingService(options...)}, nil
}

// Model implements [Embedder].
func (o *OpenAI) Model() string { return "openai:" + o.options.Model }

// Dimensions implements [Embedder].
func (o *OpenAI) Dimensions() int { return o.options.Dimensions }

// Embed implements [Embedder]. Errors name the provider's HTTP status, never
// what it wrote: that may quote the text.
func (o *OpenAI) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	vectors := make([][]float32, 0, len(texts))
	for batch := range slices.Chunk(texts, o.options.Batch) {
		embedded, err := o.embedBatch(ctx, batch)
		if err != nil {
			return nil, fmt.Errorf("embedding %d texts with %s: %w", len(texts), o.Model(), err)
		}
		vectors = append(vectors, embedded...)
	}
	return vectors, nil
}

func (o *OpenAI) embedBatch(ctx context.Context, texts []string) ([][]float32, error) {
	request := openai.EmbeddingNewParams{
		Model:          o.options.Model,
		Input:          openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
		EncodingFormat: openai.EmbeddingNewParamsEncodingFormatFloat,
	}
	if o.options.Shorten {
		request.Dimensions = openai.Int(int64(o.options.Dimensions))
	}
	response, err := o.service.New(ctx, request)
	if err != nil {
		return nil, withoutBody(err)
	}
	return o.collect(response, len(texts))
}

// collect checks the response and puts its vectors into the order of the texts.
func (o *OpenAI) collect(response *openai.CreateEmbeddingResponse, want int) ([][]float32, error) {
	if len(response.Data) != want {
		return nil, fmt.Errorf("provider returned %d vectors for %d texts", len(response.Data), want)
	}
	vectors := make([][]float32, want)
	for _, d := range response.Data {
		if d.Index < 0 || d.Index >= int64(want) || vectors[d.Index] != nil {
			return nil, fmt.Errorf("provider returned index %d out of place", d.Index)
		}
		vector, err := o.unit(d.Embedding)
		if err != nil {
			return nil, err
		}
		vectors[d.Index] = vector
	}
	return vectors, nil
}

// unit returns v in float32, scaled to length 1.
func (o *OpenAI) unit(v []float64) ([]float32, error) {
	if len(v) != o.options.Dimensions {
		return nil, fmt.Errorf("provider returned %d dimensions, configured are %d", len(v), o.options.Dimensions)
	}
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	norm := math.Sqrt(sum)
	if norm == 0 || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return nil, errors.New("provider returned a vector that has no direction (zero, NaN or infinite)")
	}
	scaled := make([]float32, len(v))
	for i, x := range v {
		scaled[i] = float32(x / norm)
	}
	return scaled, nil
}

// withoutBody reduces a provider's error to what is safe to log.
func withoutBody(err error) error {
	var refused *openai.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("provider answered %d %s", refused.StatusCode, http.StatusText(refused.StatusCode))
	}
	return err
}
