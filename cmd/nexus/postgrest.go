package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"nexus/engine/postgrest"
)

// postgrestOptions are the command line options of PostgREST
// (https://docs.postgrest.org/en/v14/references/cli.html).
type postgrestOptions struct {
	dumpConfig bool
	dumpSchema bool
	ready      bool
	example    bool
}

func newPostgrestCommand() *cobra.Command {
	var opts postgrestOptions
	cmd := &cobra.Command{
		Use:     "postgrest [FILENAME]",
		Version: "PostgREST " + postgrest.Version + ", served by " + version(), // with -v, --version
		Short:   "Serve in place of PostgREST, with its configuration",
		Long: "Serve in place of PostgREST 14: REST at /, configured by a file in PostgREST's format, PGRST_* variables and the\n" +
			"database. It installs nothing and needs nothing in the database.\n\n" +
			"SIGUSR1 reloads the schema cache, SIGUSR2 the configuration.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			source := postgrest.Source{Environ: os.Environ()}
			if len(args) == 1 {
				source.Path = args[0]
			}
			return runPostgrest(cmd.Context(), source, opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&opts.dumpConfig, "dump-config", false, "print the configuration and exit")
	cmd.Flags().BoolVar(&opts.dumpSchema, "dump-schema", false, "print the schema cache as JSON and exit (its form may change)")
	cmd.Flags().BoolVar(&opts.ready, "ready", false, "ask the admin server of a running instance whether it is ready, and exit")
	cmd.Flags().BoolVarP(&opts.example, "example", "e", false, "print an example configuration file and exit")
	return cmd
}

func runPostgrest(ctx context.Context, source postgrest.Source, opts postgrestOptions, out, problems io.Writer) error {
	if opts.example {
		_, err := io.WriteString(out, postgrest.Example)
		return err
	}
	log := slog.New(postgrest.NewLogHandler(problems))
	server, err := postgrest.New(source, log, func(line string) { _, _ = fmt.Fprintln(out, line) })
	if err != nil {
		return err
	}
	switch {
	case opts.ready:
		return askReady(ctx, server.Config(), out)
	case opts.dumpConfig:
		var unread *postgrest.DatabaseError
		if server.Config().DBConfig {
			// Without a database there is still what the file and the environment say; the log tells what is missing.
			if err := server.ReloadConfig(ctx); err != nil && !errors.As(err, &unread) {
				return err
			}
		}
		_, err := io.WriteString(out, server.Config().Dump())
		return err
	case opts.dumpSchema:
		description, err := server.DescribeSchema(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(description)
	}
	return servePostgrest(ctx, server)
}

// servePostgrest runs the server under PostgREST's signals.
func servePostgrest(ctx context.Context, server *postgrest.Server) error {
	reloads := make(chan os.Signal, 8)
	signal.Notify(reloads, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(reloads)
	return server.Run(ctx, func(net.Addr) {
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case sig := <-reloads:
					if sig == syscall.SIGUSR1 {
						server.ReloadSchema()
					} else {
						_ = server.ReloadConfig(ctx) // an error is logged, and the old configuration stays
					}
				}
			}
		}()
	})
}

// readyTimeout bounds the question to a running instance.
const readyTimeout = 5 * time.Second

func askReady(ctx context.Context, cfg *postgrest.Config, out io.Writer) error {
	if cfg.AdminServerPort == nil {
		return errors.New("ERROR: Admin server is not running. Please check admin-server-port config.") //nolint:staticcheck // PostgREST's words
	}
	host := cfg.AdminServerHost
	if postgrest.IsSpecialHost(host) {
		return fmt.Errorf("ERROR: The `--ready` flag cannot be used when server-host is configured as \"%s\". "+ //nolint:staticcheck // PostgREST's words
			`Please update your server-host config to "localhost".`, host)
	}
	url := "http://" + net.JoinHostPort(host, strconv.FormatInt(*cfg.AdminServerPort, 10)) + "/ready"
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ERROR: invalid url - %s", url)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ERROR: connection refused to %s", url)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ERROR: %s", url)
	}
	_, err = fmt.Fprintf(out, "OK: %s\n", url)
	return err
}
