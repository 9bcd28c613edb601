package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix starts the name of every environment variable that is a key.
const EnvPrefix = "MEAI_"

// Variables with the prefix that are not keys: they choose the file, or belong
// to the tests and the demo.
var reserved = []string{"MEAI_CONFIG", "MEAI_TEST_CONFIG"}

// Load reads path (none when empty) and environ ("KEY=value" lines, as from
// os.Environ) over the defaults. The error joins every problem found, so that
// one start shows all that has to be mended.
func Load(path string, environ []string) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(defaults(), "."), nil); err != nil {
		return Config{}, fmt.Errorf("load defaults: %w", err)
	}
	var problems []error
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return Config{}, fmt.Errorf("configuration file %s does not exist", path)
			}
			return Config{}, fmt.Errorf("read configuration file %s: %w", path, err)
		}
	}
	fromEnv, unknown := environment(environ)
	problems = append(problems, unknown...)
	if err := k.Load(confmap.Provider(fromEnv, "."), nil); err != nil {
		return Config{}, fmt.Errorf("load environment: %w", err)
	}
	problems = append(problems, unknownKeys(k)...)

	var c Config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, TagName: "koanf", WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), splitList),
	}})
	if err != nil {
		return Config{}, errors.Join(append(problems, unreadable(err))...)
	}
	return c, errors.Join(append(problems, validate(c)...)...)
}

// splitList reads a list from a variable: items between commas.
func splitList(from, to reflect.Type, value any) (any, error) {
	text, ok := value.(string)
	if !ok || to != reflect.TypeFor[[]string]() {
		return value, nil
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }), nil
}

// A Key is one leaf of [Config].
type Key struct {
	Path, Env, Default, Rule, Doc string
	Secret                        bool
	Type                          reflect.Type
}

// Keys lists every key in the order of the struct.
func Keys() []Key {
	return keysOf(reflect.TypeFor[Config](), "")
}

func keysOf(t reflect.Type, prefix string) []Key {
	var keys []Key
	for f := range fieldsOf(t) {
		path := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(f.Type, path+".")...)
			continue
		}
		keys = append(keys, Key{
			Path: path, Env: EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_")),
			Default: f.Tag.Get("default"), Rule: f.Tag.Get("validate"), Doc: f.Tag.Get("doc"),
			Secret: f.Tag.Get("secret") == "true", Type: f.Type,
		})
	}
	return keys
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func defaults() map[string]any {
	m := map[string]any{}
	for _, k := range Keys() {
		if k.Default != "" {
			m[k.Path] = k.Default
		}
	}
	return m
}

func environment(environ []string) (map[string]any, []error) {
	byEnv := map[string]string{}
	for _, k := range Keys() {
		byEnv[k.Env] = k.Path
	}
	values, problems := map[string]any{}, []error(nil)
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(reserved, name) {
			continue
		}
		path, known := byEnv[name]
		if !known {
			problems = append(problems, fmt.Errorf("%s: no such setting; see docs/configuration.md", name))
			continue
		}
		values[path] = value
	}
	return values, problems
}

func unknownKeys(k *koanf.Koanf) []error {
	known := map[string]bool{}
	for _, key := range Keys() {
		known[key.Path] = true
	}
	var problems []error
	for _, path := range k.Keys() {
		if !known[path] {
			problems = append(problems, fmt.Errorf("%s: no such setting; see docs/configuration.md", path))
		}
	}
	return problems
}

// unreadable keeps the key and drops the value: it may be a secret.
func unreadable(err error) error {
	var problems []error
	for _, line := range strings.Split(err.Error(), "\n") {
		if name, _, found := strings.Cut(strings.TrimLeft(line, " *'"), "'"); found && strings.Contains(line, "'") {
			problems = append(problems, fmt.Errorf("%s: the value is not of the setting's type", strings.ToLower(name)))
		}
	}
	if len(problems) == 0 {
		return errors.New("a value is not of its setting's type")
	}
	return errors.Join(problems...)
}

// rules are those that the validator does not bring along.
var rules = map[string]func(value string) bool{
	"postgres": func(value string) bool {
		u, err := url.Parse(value)
		return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && u.Host != ""
	},
	"redis": func(value string) bool {
		u, err := url.Parse(value)
		return err == nil && slices.Contains([]string{"redis", "rediss", "valkey", "valkeys", "unix"}, u.Scheme) && u.Host+u.Path != ""
	},
	// An origin as a browser spells it: nothing behind the port, no pattern.
	"origin": func(value string) bool {
		u, err := url.Parse(value)
		return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
			value == strings.ToLower(u.Scheme+"://"+u.Host) && !strings.Contains(value, "*")
	},
}

func validate(c Config) []error {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("koanf") })
	for rule, holds := range rules {
		if err := v.RegisterValidation(rule, func(fl validator.FieldLevel) bool { return holds(fl.Field().String()) }); err != nil {
			return []error{fmt.Errorf("register rule %s: %w", rule, err)}
		}
	}
	var invalid validator.ValidationErrors
	if err := v.Struct(c); !errors.As(err, &invalid) {
		if err != nil {
			return []error{err}
		}
		return nil
	}
	var problems []error
	for _, e := range invalid {
		_, path, _ := strings.Cut(e.Namespace(), ".")
		problems = append(problems, fmt.Errorf("%s: %s", path, explain(e.Tag(), e.Param())))
	}
	return problems
}

func explain(rule, param string) string {
	switch rule {
	case "required":
		return "must be set"
	case "required_if":
		return "must be set when " + strings.Replace(strings.ToLower(param), " ", " is ", 1)
	case "required_with":
		return "must be set together with " + strings.ToLower(strings.ReplaceAll(param, " ", " or "))
	case "postgres":
		return "must be a postgres:// URL with a host"
	case "redis":
		return "must be a redis://, rediss://, valkey://, valkeys:// or unix:// URL"
	case "origin":
		return "must be an origin such as https://app.example, without a path or a pattern"
	case "iso3166_1_alpha2":
		return "must be a country's code of two capital letters (ISO 3166-1 alpha-2)"
	case "cidr":
		return "must be a network such as 10.0.0.0/8"
	case "timezone":
		return "must be a time zone such as Europe/Berlin"
	case "hostname_port":
		return "must be host:port"
	case "url", "uri":
		return "must be a URL"
	case "oneof":
		return "must be one of " + strings.ReplaceAll(param, " ", ", ")
	case "min":
		return "must be at least " + param
	case "max":
		return "must be at most " + param
	case "gt":
		return "must be more than " + param
	default:
		return "breaks the rule " + rule + " " + param
	}
}

// typeName names a type as an operator would.
func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "duration"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list, by commas"
	default:
		return "text"
	}
}
