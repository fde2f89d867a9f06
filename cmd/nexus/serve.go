package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"nexus/engine"
)

func newServeCommand() *cobra.Command {
	o := newConfigOptions()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API, with an embedded PostgreSQL unless --db-url names one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			return runServe(cmd, o)
		},
	}
	o.bindCommon(cmd.Flags())
	o.bindServer(cmd.Flags())
	o.bindAuth(cmd.Flags())
	return cmd
}

func runServe(cmd *cobra.Command, o *configOptions) error {
	log := o.logger(cmd.ErrOrStderr())
	if unused := unusedGoTrue(os.Environ(), cmd.Flags()); len(unused) > 0 {
		log.Warn("settings of GoTrue that are not used", "variables", strings.Join(unused, " "))
	}
	server, err := engine.New(o.Config, log)
	if err != nil {
		return err
	}
	return server.Run(cmd.Context(), func(info engine.Info) {
		printReady(cmd.OutOrStdout(), o, info)
	})
}

// printReady tells a newcomer what to do next.
func printReady(w io.Writer, o *configOptions, info engine.Info) {
	keys := programName() + " keys"
	if o.DataDir != engine.DefaultConfig().DataDir {
		keys += " --data-dir " + shellQuote(o.DataDir)
	}
	fmt.Fprintf(w, `Nexus is ready.

  URL       %s
  Anon key  %s
  Data      %s

  Service key  %s service_role_key
  psql         psql "$(%s db_url)"
  Try it       curl -H "apikey: %s" %s/rest/v1/
`, info.URL, info.AnonKey, info.DataDir, keys, keys, info.AnonKey, info.URL)
}

// programName is how the user called us; go run builds into a directory of its own.
func programName() string {
	if strings.Contains(filepath.ToSlash(os.Args[0]), "/go-build") {
		return "go run ./cmd/nexus"
	}
	return os.Args[0]
}

// shellQuote writes a word so that a shell reads it back as it is.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
