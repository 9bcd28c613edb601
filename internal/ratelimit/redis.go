package ratelimit

import (
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

//go:embed gcra.lua
var gcraLua string

var gcra = rueidis.NewLuaScript(gcraLua)

// redisPrefix keeps the limiter's keys apart from what else the server holds.
const redisPrefix = "meai:rate-limit:"

// redisPatience bounds connecting, and how long a connection that gives no answer
// is kept.
const redisPatience = time.Second

// errClosed: the store is used after Close.
var errClosed = errors.New("the connection to Redis is closed")

// Redis is the store in a Redis or Valkey server, cluster or sentinel. It connects
// on first use and as often as it takes: a process starts without it.
type Redis struct {
	option rueidis.ClientOption

	mu         sync.Mutex
	client     rueidis.Client
	failure    error         // of the last attempt to connect
	connecting chan struct{} // closed when the running attempt is over
	closed     bool
}

// NewRedis takes a URL: redis, rediss, valkey, valkeys or unix. Its errors do not
// quote the URL, which may hold a password.
func NewRedis(url string) (*Redis, error) {
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the URL of Redis cannot be read")
	}
	option.DisableCache = true // nothing is cached, and 128 MiB are not set aside for it
	option.Dialer.Timeout, option.ConnWriteTimeout = redisPatience, redisPatience
	return &Redis{option: option}, nil
}

// Close ends the connections.
func (r *Redis) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.client != nil {
		r.client.Close()
	}
}

// Take implements [Store].
func (r *Redis) Take(ctx context.Context, key Key, emission, burst time.Duration) (bool, time.Duration, error) {
	client, err := r.connected(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("connect to Redis: %w", err)
	}
	answer, err := gcra.Exec(ctx, client, []string{redisPrefix + hex.EncodeToString(key[:])},
		[]string{microseconds(emission), microseconds(burst)}).AsIntSlice()
	if err != nil {
		return false, 0, fmt.Errorf("count a request in Redis: %w", err)
	}
	if len(answer) != 2 {
		return false, 0, fmt.Errorf("count a request in Redis: %d numbers instead of 2", len(answer))
	}
	return answer[0] == 1, time.Duration(answer[1]) * time.Microsecond, nil
}

func microseconds(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

// connected waits for the one attempt to connect that runs at a time.
func (r *Redis) connected(ctx context.Context) (rueidis.Client, error) {
	r.mu.Lock()
	if r.client != nil || r.closed {
		defer r.mu.Unlock()
		if r.closed {
			return nil, errClosed
		}
		return r.client, nil
	}
	if r.connecting == nil {
		r.connecting = make(chan struct{})
		go r.connect(r.connecting)
	}
	over := r.connecting
	r.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.client, r.failure
}

// connect goes on when the request that needed it has given up: the next one then
// finds a connection. Afterwards the client connects again by itself.
func (r *Redis) connect(over chan<- struct{}) {
	client, err := rueidis.NewClient(r.option)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(over)
	r.connecting = nil
	if err == nil && r.closed {
		client.Close()
		client, err = nil, errClosed
	}
	if r.failure = err; err == nil {
		r.client = client
	}
}
