package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"nexus/engine"
)

type migrateOptions struct {
	*configOptions
	All bool
}

func newMigrateCommand() *cobra.Command {
	o := &migrateOptions{configOptions: newConfigOptions()}
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Install, remove or list what Nexus needs in the database",
		Args:  cobra.NoArgs,
	}
	o.bindCommon(cmd.PersistentFlags())
	add := func(name, short string, run func(*cobra.Command, *migrateOptions) error) *cobra.Command {
		sub := &cobra.Command{
			Use: name, Short: short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				if err := o.load(cmd); err != nil {
					return err
				}
				return run(cmd, o)
			},
		}
		cmd.AddCommand(sub)
		return sub
	}
	add("up", "Apply the migrations that are missing", runMigrateUp)
	down := add("down", "Take the last migration back", runMigrateDown)
	down.Flags().BoolVar(&o.All, "all", false, "take all migrations back")
	add("status", "List the migrations", runMigrateStatus)
	return cmd
}

func runMigrateUp(cmd *cobra.Command, o *migrateOptions) error {
	return printMigrations(cmd, o, engine.MigrateUp)
}

func runMigrateDown(cmd *cobra.Command, o *migrateOptions) error {
	if o.All {
		return printMigrations(cmd, o, engine.MigrateDownAll)
	}
	return printMigrations(cmd, o, engine.MigrateDown)
}

func runMigrateStatus(cmd *cobra.Command, o *migrateOptions) error {
	return printMigrations(cmd, o, engine.MigrateStatus)
}

func printMigrations(cmd *cobra.Command, o *migrateOptions, what engine.Migration) error {
	states, err := engine.Migrate(cmd.Context(), o.Config, what, o.logger(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, s := range states {
		state := "pending"
		if s.Applied {
			state = "applied " + s.AppliedAt.UTC().Format("2006-01-02 15:04:05 MST")
		}
		fmt.Fprintf(w, "%s\t%05d\t%s\t%s\n", s.Set, s.Version, s.Name, state)
	}
	return w.Flush()
}
