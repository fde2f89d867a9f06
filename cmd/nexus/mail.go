package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nexus/engine"
	"nexus/engine/mail"
)

type mailOptions struct {
	*configOptions
	JSON bool
}

// newMailCommand shows mails that no server has sent, so that a newcomer can finish a sign-up.
func newMailCommand() *cobra.Command {
	o := &mailOptions{configOptions: newConfigOptions()}
	cmd := &cobra.Command{
		Use:   "mail [id | latest]",
		Short: "List the mails that auth/v1 keeps while no smtp-host is set, or show one of them",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			if len(args) == 0 {
				return listMails(cmd, o)
			}
			return showMail(cmd, o, args[0])
		},
	}
	o.bindCommon(cmd.Flags())
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	return cmd
}

func listMails(cmd *cobra.Command, o *mailOptions) error {
	all, err := mail.NewOutbox(engine.OutboxDir(o.DataDir)).List(cmd.Context())
	if err != nil {
		return err
	}
	if o.JSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for i := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", all[i].ID, all[i].At.Local().Format(time.DateTime), all[i].To, all[i].Subject)
	}
	return w.Flush()
}

func showMail(cmd *cobra.Command, o *mailOptions, id string) error {
	m, err := mail.NewOutbox(engine.OutboxDir(o.DataDir)).Get(id)
	if errors.Is(err, mail.ErrNoMessage) {
		return fmt.Errorf("there is no mail %q; nexus mail lists those that are there", id)
	}
	if err != nil {
		return err
	}
	if o.JSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(m)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "To: %s\nSubject: %s\n\n%s", m.To, m.Subject, m.Text)
	return err
}
