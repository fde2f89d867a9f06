package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexus/engine"
)

type tokenOptions struct {
	*configOptions
	Role    string
	Subject string
	Claims  []string
	TTL     time.Duration
}

func newTokenCommand() *cobra.Command {
	o := &tokenOptions{configOptions: newConfigOptions(), Role: "authenticated", TTL: time.Hour}
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Mint a token to try policies with",
		Example: `  nexus token --sub 7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30
  nexus token --role authenticated --claim 'app_metadata={"organization_id":"acme"}' --ttl 10m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			return runToken(cmd, o)
		},
	}
	o.bindCommon(cmd.Flags())
	cmd.Flags().StringVar(&o.Role, "role", o.Role, "database role to run requests as")
	cmd.Flags().StringVar(&o.Subject, "sub", o.Subject, "user id, what auth.uid() returns")
	cmd.Flags().StringArrayVar(&o.Claims, "claim", nil, "further claim, name=value; a value that is JSON is taken as JSON")
	cmd.Flags().DurationVar(&o.TTL, "ttl", o.TTL, "how long the token is valid")
	return cmd
}

func runToken(cmd *cobra.Command, o *tokenOptions) error {
	claims, err := parseClaims(o.Claims)
	if err != nil {
		return err
	}
	token, err := engine.MintToken(o.Config, engine.Token{Role: o.Role, Subject: o.Subject, Claims: claims, TTL: o.TTL})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
	return err
}

func parseClaims(texts []string) (map[string]any, error) {
	claims := make(map[string]any, len(texts))
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("claim %q: want name=value", text)
		}
		claims[name] = value
		if json.Valid([]byte(value)) {
			claims[name] = json.RawMessage(value)
		}
	}
	return claims, nil
}
