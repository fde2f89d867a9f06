package limits

import (
	"context"
	_ "embed" // the script
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed take.lua
var takeScript string

// Redis keeps counts in Redis, under keys that begin with "nexus:limit:". Its clock is that of the Redis server.
type Redis struct {
	client *redis.Client
	script *redis.Script
}

// NewRedis connects to a URL such as redis://user:password@host:6379/0 when it is first used. It fails on a URL that cannot be
// parsed. It has to be closed.
func NewRedis(url string) (*Redis, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redis-url: %w", err)
	}
	options.ClientName = "nexus"
	return &Redis{client: redis.NewClient(options), script: redis.NewScript(takeScript)}, nil
}

// Close ends the connections.
func (s *Redis) Close() error { return s.client.Close() }

func (s *Redis) take(ctx context.Context, r request) (grant, error) {
	out, err := s.script.Run(ctx, s.client, []string{"nexus:limit:" + r.key},
		r.rate.Events, r.rate.Per.Microseconds(), r.wanted, r.spare.Microseconds(), r.forced, r.backSlice, r.back).Int64Slice()
	if err != nil {
		return grant{}, fmt.Errorf("limits: %w", err)
	}
	if len(out) != 4 {
		return grant{}, fmt.Errorf("limits: redis answers with %d numbers", len(out))
	}
	return grant{
		granted: int(out[0]), slice: out[1], retryAfter: time.Duration(out[2]) * time.Microsecond, remaining: int(out[3]),
	}, nil
}

// forget has nothing to do: keys expire by themselves.
func (s *Redis) forget(context.Context, int) (int, error) { return 0, nil }
