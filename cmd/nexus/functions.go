package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"nexus/engine"
)

func newFunctionsCommand() *cobra.Command {
	o := newConfigOptions()
	cmd := &cobra.Command{Use: "functions", Short: "Tell about the functions of functions/v1", Args: cobra.NoArgs}
	o.bindCommon(cmd.PersistentFlags())
	cmd.PersistentFlags().StringVar(&o.FunctionsDir, "functions", o.FunctionsDir, "directory of functions in TypeScript, DIR/<name>/index.ts")
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "Print the routing table: who may call which function, and how often", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			return runFunctionsList(cmd, o)
		},
	})
	return cmd
}

func runFunctionsList(cmd *cobra.Command, o *configOptions) error {
	routes, err := engine.Routes(cmd.Context(), o.Config, o.logger(cmd.ErrOrStderr()))
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "functions in SQL are not listed: %v\n", err)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tNAME\tKIND\tACCESS\tTIER\tTAG\tSUMMARY")
	for _, r := range routes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Method, r.Name, r.Kind, r.Access, r.Tier, r.Tag, r.Summary)
	}
	return w.Flush()
}
