package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"nexus/engine"
)

type keysOptions struct {
	*configOptions
	JSON bool
	// Name picks one value.
	Name string
}

func newKeysCommand() *cobra.Command {
	o := &keysOptions{configOptions: newConfigOptions()}
	cmd := &cobra.Command{
		Use:       "keys [url | anon_key | service_role_key | jwt_secret | s3_access_key | s3_secret_key | db_url]",
		Short:     "Print the keys of a data directory, or one of them",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"url", "anon_key", "service_role_key", "jwt_secret", "s3_access_key", "s3_secret_key", "db_url"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			if len(args) > 0 {
				o.Name = args[0]
			}
			return runKeys(cmd, o)
		},
	}
	o.bindCommon(cmd.Flags())
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	cmd.AddCommand(newKeysListCommand(), newKeysRotateCommand())
	return cmd
}

func runKeys(cmd *cobra.Command, o *keysOptions) error {
	keys, err := engine.LoadKeys(o.Config)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if o.JSON && o.Name == "" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(keys) //nolint:gosec // the secrets are what was asked for
	}
	for _, entry := range []struct{ name, value string }{
		{"url", keys.URL},
		{"anon_key", keys.AnonKey},
		{"service_role_key", keys.ServiceRoleKey},
		{"jwt_secret", keys.JWTSecret},
		{"s3_access_key", keys.S3AccessKey},
		{"s3_secret_key", keys.S3SecretKey},
		{"db_url", keys.DatabaseURL},
	} {
		switch o.Name {
		case entry.name:
			if entry.value == "" {
				return fmt.Errorf("%s is not in the data directory: the server was given it from outside", entry.name)
			}
			_, err = fmt.Fprintln(w, entry.value)
		case "":
			_, err = fmt.Fprintf(w, "%s=%s\n", entry.name, entry.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
