// Command nexus turns a PostgreSQL schema into a secured backend.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := newRootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "nexus:", err)
		return 1
	}
	return 0
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "nexus",
		Short:         "Turn a PostgreSQL schema into a secured REST API",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		newServeCommand(),
		newKeysCommand(),
		newTokenCommand(),
		newMailCommand(),
		newMigrateCommand(), newFunctionsCommand(),
		newPostgrestCommand(), newBenchCommand(),
		newVersionCommand(),
	)
	return root
}
