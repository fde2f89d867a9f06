package messages

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// whatsAppChange is what happened to a number (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components).
type whatsAppChange struct {
	Field string `json:"field"`
	Value struct {
		Metadata struct {
			PhoneNumberID string `json:"phone_number_id"`
		} `json:"metadata"`
		Contacts []struct {
			ID      string `json:"wa_id"`
			Profile struct {
				Name string `json:"name"`
			} `json:"profile"`
		} `json:"contacts"`
		Messages []map[string]json.RawMessage `json:"messages"`
		Statuses []whatsAppStatus             `json:"statuses"`
	} `json:"value"`
}

type whatsAppStatus struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
	Callback  string `json:"biz_opaque_callback_data"`
	Errors    []struct {
		Code    int    `json:"code"`
		Title   string `json:"title"`
		Message string `json:"message"`
		Data    struct {
			Details string `json:"details"`
		} `json:"error_data"`
	} `json:"errors"`
}

// readWhatsApp understands what it can.
func readWhatsApp(changes []any) (all []inbound) {
	for _, raw := range changes {
		change, err := reread[whatsAppChange](raw)
		if err != nil {
			continue
		}
		number := change.Value.Metadata.PhoneNumberID
		names := map[string]string{}
		for _, contact := range change.Value.Contacts {
			names[contact.ID] = contact.Profile.Name
		}
		for _, fields := range change.Value.Messages {
			if m := readWhatsAppMessage(fields); m != nil {
				m.Name = names[m.Chat]
				all = append(all, inbound{Account: number, Message: m})
			}
		}
		for _, status := range change.Value.Statuses {
			if r := status.report(); r != nil {
				all = append(all, inbound{Account: number, Report: r})
			}
		}
	}
	return all
}

func (st *whatsAppStatus) report() *report {
	switch st.Status {
	case "sent", "delivered", "read", "failed":
	default: // deleted, warning, and what else there may be some day
		return nil
	}
	r := &report{MessageID: st.ID, Status: st.Status, Timestamp: fromSeconds(st.Timestamp)}
	if _, err := uuid.Parse(st.Callback); err == nil {
		r.Ours = st.Callback
	}
	if len(st.Errors) > 0 {
		e := st.Errors[0]
		r.Code, r.Reason = fmt.Sprintf("provider_%d", e.Code), e.Title
		if e.Data.Details != "" {
			r.Reason += ": " + e.Data.Details
		}
	}
	return r
}

// fromSeconds reads a Unix time; now, if it is none.
func fromSeconds(text string) string {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Now().UTC().Format(time.RFC3339)
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}

// whatsAppParts are the members that messages have besides the one called as their type.
type whatsAppParts struct {
	ID, From, Type, Timestamp string
	Context                   struct {
		ID string `json:"id"`
	}
	Text struct {
		Body string `json:"body"`
	}
	Reaction struct {
		MessageID string `json:"message_id"`
		Emoji     string `json:"emoji"`
	}
	Button struct {
		Text string `json:"text"`
	}
	Interactive struct {
		ButtonReply struct {
			Title string `json:"title"`
		} `json:"button_reply"`
		ListReply struct {
			Title string `json:"title"`
		} `json:"list_reply"`
	}
	Location location
}

// whatsAppMedia is a file of a message.
type whatsAppMedia struct {
	ID       string `json:"id"`
	Caption  string `json:"caption"`
	MIMEType string `json:"mime_type"`
	Filename string `json:"filename"`
}

func readWhatsAppMessage(fields map[string]json.RawMessage) *received {
	p, err := reread[whatsAppParts](fields)
	if err != nil || p.ID == "" || p.From == "" {
		return nil
	}
	m := &received{ID: p.ID, Chat: p.From, Type: "text", ReplyTo: p.Context.ID, Timestamp: fromSeconds(p.Timestamp)}
	switch p.Type {
	case "text":
		m.Content = p.Text.Body
	case "image", "video", "document", "audio", "sticker":
		var file whatsAppMedia
		if json.Unmarshal(fields[p.Type], &file) != nil || file.ID == "" {
			return nil
		}
		m.Type, m.Content = p.Type, file.Caption
		kind, _, _ := strings.Cut(file.MIMEType, ";")
		m.Files = []receivedFile{{PlatformID: file.ID, Name: file.Filename, MediaType: kind}}
	case "location":
		m.Type, m.Content, m.Payload = "location", p.Location.Name, rawPayload(fields["location"])
	case "reaction":
		m.Type, m.Content, m.ReplyTo = "reaction", p.Reaction.Emoji, p.Reaction.MessageID
	case "button":
		m.Content, m.Payload = p.Button.Text, rawPayload(fields["button"])
	case "interactive":
		m.Content, m.Payload = p.Interactive.ButtonReply.Title+p.Interactive.ListReply.Title, rawPayload(fields["interactive"])
	default: // contacts, orders, and what else there may be some day: kept as it came
		m.Content, m.Payload = "["+p.Type+"]", map[string]any{p.Type: fields[p.Type]}
	}
	return m
}

// rawPayload is an object as it came.
func rawPayload(raw json.RawMessage) map[string]any {
	var out map[string]any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}
