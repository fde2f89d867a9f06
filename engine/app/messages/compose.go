package messages

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// compose puts a message into the form of its channel.
func compose(d *delivery) (map[string]any, error) {
	if d.Platform == whatsapp {
		return composeWhatsApp(d)
	}
	return composePage(d)
}

// location is where a message of the type location points to.
type location struct {
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
	Name      string   `json:"name,omitempty"`
	Address   string   `json:"address,omitempty"`
}

// extras are what else belongs to a message, in the column payload.
type extras struct {
	location
	Components []any  `json:"components"`
	FileName   string `json:"file_name"`
}

// composeWhatsApp follows https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages.
func composeWhatsApp(d *delivery) (map[string]any, error) {
	var more extras
	if err := json.Unmarshal(d.Payload, &more); err != nil {
		return nil, fmt.Errorf("%w: the payload has fields of other types", errUnsupported)
	}
	body := map[string]any{
		"messaging_product": "whatsapp", "recipient_type": "individual", "to": d.Recipient, "type": d.Kind,
		// Comes back in the reports about the message.
		"biz_opaque_callback_data": d.ID,
	}
	if d.ReplyTo != "" && d.Kind != "reaction" {
		body["context"] = map[string]any{"message_id": d.ReplyTo}
	}
	switch d.Kind {
	case "text":
		body["text"] = map[string]any{"body": d.Content, "preview_url": true}
	case "image", "video", "document", "audio", "sticker":
		body[d.Kind] = whatsAppFile(d, more.FileName)
	case "location":
		if more.Latitude == nil || more.Longitude == nil {
			return nil, fmt.Errorf("%w: a location needs latitude and longitude in its payload", errUnsupported)
		}
		body["location"] = more.location
	case "reaction":
		if d.ReplyTo == "" {
			return nil, fmt.Errorf("%w: a reaction needs a message that was sent", errUnsupported)
		}
		body["reaction"] = map[string]any{"message_id": d.ReplyTo, "emoji": d.Content}
	case "template":
		template := map[string]any{"name": d.TemplateName, "language": map[string]any{"code": d.TemplateLanguage}}
		if len(more.Components) > 0 {
			template["components"] = more.Components
		}
		body["template"] = template
	default:
		return nil, errUnsupported
	}
	return body, nil
}

func whatsAppFile(d *delivery, name string) map[string]any {
	file := map[string]any{"link": d.MediaURL}
	if d.Content != "" && d.Kind != "audio" && d.Kind != "sticker" {
		file["caption"] = d.Content
	}
	if d.Kind == "document" {
		if name == "" {
			name = path.Base(strings.SplitN(d.MediaURL, "?", 2)[0])
		}
		file["filename"] = name
	}
	return file
}

// composePage follows https://developers.facebook.com/docs/messenger-platform/reference/send-api, which Instagram shares.
func composePage(d *delivery) (map[string]any, error) {
	message := map[string]any{}
	switch d.Kind {
	case "text":
		message["text"] = d.Content
	case "image", "video", "audio", "document":
		kind := d.Kind
		if kind == "document" {
			kind = "file"
		}
		message["attachment"] = map[string]any{"type": kind, "payload": map[string]any{"url": d.MediaURL}}
		// A caption is a message of its own there, so it cannot come along.
		if d.Content != "" {
			return nil, fmt.Errorf("%w: a file has no text on this channel", errUnsupported)
		}
	default:
		return nil, errUnsupported
	}
	body := map[string]any{"recipient": map[string]any{"id": d.Recipient}, "messaging_type": "RESPONSE", "message": message}
	if d.ReplyTo != "" {
		body["reply_to"] = map[string]any{"mid": d.ReplyTo}
	}
	return body, nil
}
