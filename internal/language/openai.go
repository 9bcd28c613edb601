package language

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"meai/internal/guard"
)

// OpenAIOptions says which OpenAI-compatible endpoint to use, and how much of it.
type OpenAIOptions struct {
	// Use names what the model is for in logs, metrics and spans.
	Use string
	// BaseURL is the endpoint above /chat/completions, such as
	// http://127.0.0.1:11434/v1. There is no default: a person's words never go to
	// a third party unnamed.
	BaseURL string
	// APIKey is sent as a bearer token; local servers often need none.
	APIKey string
	// Model is the provider's name of the model.
	Model string
	// Timeout bounds one call; 0 means 6 s.
	Timeout time.Duration
	// MaxInput and MaxOutput are the most tokens of a question and of an answer; 0
	// means 8000 and 600. A question's tokens are estimated before it is sent.
	MaxInput, MaxOutput int
	// Concurrency is how many calls may be under way; 0 means 8. One more is
	// refused at once.
	Concurrency int
	// After BreakerFailures failures in a row calls are refused for BreakerDelay,
	// then one may try; 0 means 5 and 10 s.
	BreakerFailures int
	BreakerDelay    time.Duration
	// InputPrice and OutputPrice are those of a million tokens, in any currency.
	InputPrice, OutputPrice float64

	// Logger, Meters and Tracers are the process's; nil discards.
	Logger  *slog.Logger
	Meters  metric.MeterProvider
	Tracers trace.TracerProvider
}

func (o OpenAIOptions) withDefaults() OpenAIOptions {
	def := func(v *int, fallback int) {
		if *v == 0 {
			*v = fallback
		}
	}
	def(&o.MaxInput, 8000)
	def(&o.MaxOutput, 600)
	def(&o.Concurrency, 8)
	def(&o.BreakerFailures, 5)
	if o.Timeout == 0 {
		o.Timeout = 6 * time.Second
	}
	if o.BreakerDelay == 0 {
		o.BreakerDelay = 10 * time.Second
	}
	return o.withTelemetry()
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
	if o.Timeout < 0 || o.BreakerDelay < 0 || min(o.MaxInput, o.MaxOutput, o.Concurrency, o.BreakerFailures) < 0 || min(o.InputPrice, o.OutputPrice) < 0 {
		problems = append(problems, errors.New("times, sizes, counts and prices must not be negative"))
	}
	return errors.Join(problems...)
}

// OpenAI is any model behind a server that speaks OpenAI's /v1/chat/completions.
type OpenAI struct {
	options OpenAIOptions
	service openai.ChatCompletionService
	guard   guard.Guard[Response]
	meter   meter
}

// NewOpenAI returns a model behind the endpoint that o names. It does not
// connect: an endpoint that is down shows in [OpenAI.Complete].
func NewOpenAI(o OpenAIOptions) (*OpenAI, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("language model provider: %w", err)
	}
	o = o.withDefaults()
	m, err := newMeter(o)
	if err != nil {
		return nil, err
	}
	options := []option.RequestOption{
		option.WithBaseURL(o.BaseURL), option.WithHTTPClient(guard.HTTPClient(http.DefaultTransport, mostBytes)), option.WithMaxRetries(0),
	}
	if o.APIKey != "" {
		options = append(options, option.WithAPIKey(o.APIKey))
	}
	return &OpenAI{options: o, service: openai.NewChatCompletionService(options...), guard: newGuard(o), meter: m}, nil
}

// Complete implements [Model].
func (o *OpenAI) Complete(ctx context.Context, r Request) (Response, error) {
	data, err := encode(r.Data)
	if err != nil {
		return Response{}, err
	}
	budget := Budget{Time: within(o.options.Timeout, r.Budget.Time), Output: within(o.options.MaxOutput, r.Budget.Output)}
	ctx, done := o.meter.start(ctx)
	response, err := o.guard.Call(ctx, budget.Time, func(ctx context.Context) (Response, error) {
		if estimate(r.Prompt.instructions)+estimate(data) > o.options.MaxInput {
			return Response{}, fmt.Errorf("%w: the question is too long", ErrBudget)
		}
		return o.ask(ctx, r.Prompt, data, budget.Output)
	})
	err = guarded(err)
	done(response.Usage, err)
	if err != nil {
		err = fmt.Errorf("ask %s for %s: %w", o.options.Model, r.Prompt.name, err)
		o.options.Logger.WarnContext(ctx, "the language model is done without", "reason", outcomeOf(err), "error", err)
		return Response{}, err
	}
	return response, nil
}

// within is the smaller of a limit and a wish, of which zero is none.
func within[N int | time.Duration](limit, wish N) N {
	if wish > 0 {
		return min(limit, wish)
	}
	return limit
}

// English has some four bytes to a token, everything else fewer
// (https://platform.openai.com/tokenizer). A question is taken to have short ones,
// and an answer whose tokens would be longer than long ones was not counted right.
const shortToken, longToken = 3, 8

func estimate(text string) int { return len(text)/shortToken + 1 }

func (o *OpenAI) ask(ctx context.Context, p *Prompt, data string, most int) (Response, error) {
	completion, err := o.service.New(ctx, openai.ChatCompletionNewParams{
		Model:               o.options.Model,
		Messages:            []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(p.instructions), openai.UserMessage(data)},
		MaxCompletionTokens: openai.Int(int64(most)),
		ResponseFormat: openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: p.name, Schema: p.schema, Strict: openai.Bool(true)},
		}},
	})
	if err != nil {
		return Response{}, withoutBody(ctx, err)
	}
	return read(completion, p, most)
}

// read takes the answer out of a completion. The usage is returned with an error,
// too: it is paid for.
func read(completion *openai.ChatCompletion, p *Prompt, most int) (Response, error) {
	response := Response{Usage: Usage{Input: int(completion.Usage.PromptTokens), Output: int(completion.Usage.CompletionTokens)}}
	if len(completion.Choices) != 1 {
		return response, fmt.Errorf("%w: %d choices", ErrInvalidOutput, len(completion.Choices))
	}
	choice := completion.Choices[0]
	switch {
	case choice.FinishReason == "length":
		return response, fmt.Errorf("%w: the answer was cut off", ErrBudget)
	case response.Usage.Output > most || len(choice.Message.Content) > most*longToken:
		return response, fmt.Errorf("%w: the answer is too long", ErrBudget)
	case choice.Message.Refusal != "" || choice.FinishReason == "content_filter":
		return response, ErrRefused
	}
	var err error
	response.Answer, err = p.check(choice.Message.Content)
	return response, err
}

// withoutBody reduces what went wrong to what is safe to log: a provider's
// error, and a parser's, may quote the words.
func withoutBody(ctx context.Context, err error) error {
	var refused *openai.Error
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused):
		return fmt.Errorf("%w: provider answered %d %s", meaning(refused.StatusCode), refused.StatusCode, http.StatusText(refused.StatusCode))
	case errors.As(err, &network) && network.Op == "dial":
		return fmt.Errorf("%w: %w", ErrUnavailable, network)
	default:
		return fmt.Errorf("%w: the connection or the response broke", ErrUnavailable)
	}
}

// meaning tells what depends on the question, such as a provider's own filter of
// contents, from what would befall every question.
func meaning(status int) error {
	switch status {
	case http.StatusTooManyRequests:
		return ErrOverloaded
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return ErrRefused
	default:
		return ErrUnavailable
	}
}

// mostBytes bounds what is read of a response, which is a few thousand bytes
// long when all is well.
const mostBytes = 1 << 20
