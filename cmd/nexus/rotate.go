package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nexus/engine"
)

func newKeysListCommand() *cobra.Command {
	o := newConfigOptions()
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys that tokens are signed and verified with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			keys, err := engine.SigningKeys(o.Config)
			if err != nil {
				return err
			}
			return printSigningKeys(cmd.OutOrStdout(), keys, asJSON)
		},
	}
	o.bindCommon(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printSigningKeys(w io.Writer, keys []engine.SigningKey, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(keys)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KID\tALG\tSTATE\tCREATED")
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", cmp.Or(k.ID, "(jwt_secret)"), k.Algorithm, k.State, k.CreatedAt.Format(time.RFC3339))
	}
	return table.Flush()
}

func newKeysRotateCommand() *cobra.Command {
	o := newConfigOptions()
	algorithm, drop := engine.DefaultAlgorithm, ""
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Sign tokens with a new key from now on, or drop an old one",
		Long: `Make a new key that tokens are signed with from now on, and print its id. Tokens that older keys signed stay
valid, until --drop removes their key. A running server takes the change up within a second.

The anon and service keys stay as they are: the data directory's jwt_secret signs them and cannot be dropped.`,
		Example: `  nexus keys rotate --alg RS256
  nexus keys list
  nexus keys rotate --drop 4qkzwo3hbdmxf7c2tjy6ra5vne`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			if cmd.Flags().Changed("drop") {
				return engine.DropKey(o.Config, drop)
			}
			made, err := engine.RotateKeys(o.Config, algorithm)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), made.ID)
			return err
		},
	}
	o.bindCommon(cmd.Flags())
	cmd.Flags().StringVar(&algorithm, "alg", algorithm, "algorithm of the new key: ES256, RS256 or HS256")
	cmd.Flags().StringVar(&drop, "drop", drop, "id of an old key to remove, whose tokens are refused then; makes no new one")
	cmd.MarkFlagsMutuallyExclusive("alg", "drop")
	return cmd
}
