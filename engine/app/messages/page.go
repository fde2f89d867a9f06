package messages

import (
	"time"
)

// pageEvent is what happened to a page (https://developers.facebook.com/docs/messenger-platform/reference/webhook-events), or to an
// account of Instagram.
type pageEvent struct {
	Sender    struct{ ID string }
	Recipient struct{ ID string }
	Timestamp int64
	Message   *struct {
		MID         string `json:"mid"`
		Text        string `json:"text"`
		IsEcho      bool   `json:"is_echo"`
		IsDeleted   bool   `json:"is_deleted"`
		Attachments []struct {
			Type    string `json:"type"`
			Payload struct {
				URL         string `json:"url"`
				Title       string `json:"title"`
				Coordinates *struct {
					Latitude  float64 `json:"lat"`
					Longitude float64 `json:"long"`
				} `json:"coordinates"`
			} `json:"payload"`
		} `json:"attachments"`
		ReplyTo struct {
			MID string `json:"mid"`
		} `json:"reply_to"`
	}
	Postback *struct {
		MID     string `json:"mid"`
		Title   string `json:"title"`
		Payload string `json:"payload"`
	}
	Reaction *struct {
		MID    string `json:"mid"`
		Action string `json:"action"`
		Emoji  string `json:"emoji"`
	}
	Delivery *struct {
		MIDs      []string `json:"mids"`
		Watermark int64    `json:"watermark"`
	}
	Read *struct {
		MID       string `json:"mid"`
		Watermark int64  `json:"watermark"`
	}
}

// readPage understands what it can of what happened to a page.
func readPage(page string, events []any) (all []inbound) {
	for _, raw := range events {
		e, err := reread[pageEvent](raw)
		if err != nil || e.Sender.ID == "" {
			continue
		}
		for _, one := range e.read() {
			one.Account = page
			all = append(all, one)
		}
	}
	return all
}

func (e *pageEvent) read() []inbound {
	switch {
	case e.Message != nil:
		if m := e.message(); m != nil {
			return []inbound{{Message: m}}
		}
	case e.Postback != nil && e.Postback.MID != "":
		return []inbound{{Message: &received{
			ID: e.Postback.MID, Chat: e.Sender.ID, Type: "text", Content: e.Postback.Title, Timestamp: fromMilliseconds(e.Timestamp),
			Payload: map[string]any{"postback": e.Postback.Payload},
		}}}
	case e.Reaction != nil && e.Reaction.MID != "":
		m := &received{
			// Reactions have no id of their own.
			ID: e.Reaction.MID + "/" + e.Reaction.Action + "/" + fromMilliseconds(e.Timestamp), Chat: e.Sender.ID, Type: "reaction",
			Content: e.Reaction.Emoji, ReplyTo: e.Reaction.MID, Timestamp: fromMilliseconds(e.Timestamp),
		}
		return []inbound{{Message: m}}
	case e.Delivery != nil:
		return e.delivered()
	case e.Read != nil && e.Read.MID != "":
		return []inbound{{Report: &report{MessageID: e.Read.MID, Status: "read", Timestamp: fromMilliseconds(e.Timestamp)}}}
	case e.Read != nil:
		return []inbound{{Until: &until{Chat: e.Sender.ID, Status: "read", Timestamp: fromMilliseconds(e.Read.Watermark)}}}
	}
	return nil
}

func (e *pageEvent) delivered() (all []inbound) {
	for _, id := range e.Delivery.MIDs {
		all = append(all, inbound{Report: &report{MessageID: id, Status: "delivered", Timestamp: fromMilliseconds(e.Delivery.Watermark)}})
	}
	if len(all) == 0 {
		all = []inbound{{Until: &until{Chat: e.Sender.ID, Status: "delivered", Timestamp: fromMilliseconds(e.Delivery.Watermark)}}}
	}
	return all
}

// pageFiles are the types of files by what pages call them.
var pageFiles = map[string]string{"image": "image", "video": "video", "audio": "audio", "file": "document"}

// message reads one of a contact. Echoes are of what the page itself sent.
func (e *pageEvent) message() *received {
	from := e.Message
	if from.MID == "" || from.IsEcho || from.IsDeleted {
		return nil
	}
	m := &received{ID: from.MID, Chat: e.Sender.ID, Type: "text", Content: from.Text, ReplyTo: from.ReplyTo.MID, Timestamp: fromMilliseconds(e.Timestamp)}
	for _, a := range from.Attachments {
		kind, isFile := pageFiles[a.Type]
		switch {
		case isFile && a.Payload.URL != "":
			if len(m.Files) == 0 {
				m.Type = kind
			}
			m.Files = append(m.Files, receivedFile{URL: a.Payload.URL})
		case a.Payload.Coordinates != nil:
			m.Type = "location"
			m.Payload = map[string]any{"latitude": a.Payload.Coordinates.Latitude, "longitude": a.Payload.Coordinates.Longitude}
		default: // shared posts and stories, and what else there may be some day
			if m.Content == "" {
				m.Content = "[" + a.Type + "] " + a.Payload.Title
			}
			m.Payload = map[string]any{"shared": map[string]any{"type": a.Type, "url": a.Payload.URL, "title": a.Payload.Title}}
		}
	}
	return m
}

// fromMilliseconds reads a Unix time; now, if it is none.
func fromMilliseconds(n int64) string {
	if n <= 0 || n > 1<<50 {
		return time.Now().UTC().Format(time.RFC3339Nano)
	}
	return time.UnixMilli(n).UTC().Format(time.RFC3339Nano)
}
