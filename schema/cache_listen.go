package schema

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// listenBackoff is the first wait after the listening connection was lost.
	listenBackoff = 100 * time.Millisecond
	// defaultKeepAlive is how long the listening connection may be silent before the server is asked whether it is there.
	defaultKeepAlive = 30 * time.Second
	// answerTimeout bounds connecting and that question.
	answerTimeout = 10 * time.Second
)

// listen hears notifications until ctx ends, and connects again when it has to
// (https://docs.postgrest.org/en/v14/references/listener.html).
func (c *Cache) listen(ctx context.Context, config *pgx.ConnConfig) {
	config = config.Copy()
	// Only a primary can be listened to, though the configuration may name replicas as well.
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	wait := backoff{first: listenBackoff}
	for first := true; ; first = false {
		start := time.Now()
		err := c.listenOnce(ctx, config, first)
		c.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		if first && c.Snapshot() == nil {
			// There may be a catalog to read, even if nobody tells of its changes.
			c.Reload()
		}
		if time.Since(start) > maxBackoff {
			wait.reset()
		}
		delay := wait.next()
		c.cfg.Logger.WarnContext(ctx, "not listening for schema changes", slog.String("channel", c.cfg.Channel),
			slog.Any("error", err), slog.Duration("retry_in", delay))
		c.cfg.OnListenError(err, delay)
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// listenOnce listens on one connection until that fails.
func (c *Cache) listenOnce(ctx context.Context, config *pgx.ConnConfig, first bool) error {
	conn, err := connect(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, "listen "+QuoteIdent(c.cfg.Channel)); err != nil {
		return err
	}
	c.listening.Store(true)
	c.cfg.Logger.InfoContext(ctx, "listening for schema changes", slog.String("channel", c.cfg.Channel))
	// What was told before is lost, so everything may have changed.
	c.orders.add(order{schema: true, config: !first, anew: !first})
	for {
		n, err := c.next(ctx, conn)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		told := order{schema: n.Payload == "reload schema" || n.Payload == "", config: n.Payload == "reload config" || n.Payload == ""}
		if told.schema || told.config {
			c.cfg.OnReloadMessages(told.schema, told.config)
			c.orders.add(told)
		}
	}
}

func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

// next waits for a notification. It returns nil when the connection was silent for a while but is alive: a server that
// vanished without closing its connections would be waited for without end otherwise.
func (c *Cache) next(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, c.keepAlive)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return n, err
	}
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return nil, conn.Ping(asking)
}
