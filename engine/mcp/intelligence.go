package mcp

import (
	"context"
	"net/http"
	"net/url"

	"nexus/rls"
)

// intelligenceTools work with what is said of messages and conversations.
func intelligenceTools() []*tool {
	return []*tool{
		listTags(), listAnnotations(), getAnnotation(), annotationSettings(), customerIntelligence(), dashboard(),
		updateAnnotation(), updateTag(), setPrompt(), updateContext(),
	}
}

// ai is what the tools have in common.
func ai(t tool) tool {
	t.group, t.needs = "intelligence", []string{"ai_message_annotations", "ai_tag_definitions", "org_ai_profile"}
	return t
}

type listTagsIn struct {
	Scope string `json:"scope,omitempty" jsonschema:"what is tagged" enum:"message,conversation,customer"`
	page
}

func listTags() *tool {
	return define(ai(tool{
		name: "nexus_list_ai_tag_definitions", title: "List tag definitions", scope: rls.ScopeRead, description: "Lists the tags that annotations use.",
	}), func(ctx context.Context, c *call, in listTagsIn) (rowsOut, error) {
		query := url.Values{"order": {"scope,tag"}}
		if in.Scope != "" {
			query.Set("scope", "eq."+in.Scope)
		}
		return c.list(ctx, "ai_tag_definitions", query, &in.page)
	})
}

type listAnnotationsIn struct {
	ChatID string `json:"chat_id,omitempty" jsonschema:"only messages of this conversation" pattern:"^[0-9a-fA-F-]{36}$"`
	Tag    string `json:"tag,omitempty" jsonschema:"only messages with this tag" pattern:"^[a-z0-9][a-z0-9_-]{0,99}$"`
	page
}

func listAnnotations() *tool {
	return define(ai(tool{
		name: "nexus_list_message_annotations", title: "List annotations", scope: rls.ScopeRead, description: "Lists what is said of messages, the newest first.",
	}), func(ctx context.Context, c *call, in listAnnotationsIn) (rowsOut, error) {
		query := url.Values{"order": {"created_at.desc,id"}, "select": {"*,messages(content,direction,timestamp)"}}
		if in.ChatID != "" {
			query.Set("chat_id", "eq."+in.ChatID)
		}
		if in.Tag != "" {
			query.Set("tags", "cs.{"+in.Tag+"}")
		}
		return c.list(ctx, "ai_message_annotations", query, &in.page)
	})
}

type messageIn struct {
	MessageID string `json:"message_id" jsonschema:"the message" pattern:"^[0-9a-fA-F-]{36}$"`
}

func getAnnotation() *tool {
	return define(ai(tool{
		name: "nexus_get_message_ai_annotation", title: "Get an annotation", scope: rls.ScopeRead, description: "Reads what is said of a message.",
	}), func(ctx context.Context, c *call, in messageIn) (out rowOut, err error) {
		out.Row, err = c.one(ctx, "ai_message_annotations", url.Values{"message_id": {"eq." + in.MessageID}}, "annotation of a message")
		return out, err
	})
}

type nothing struct{}

type settingsOut struct {
	Profile map[string]any   `json:"profile" jsonschema:"what models should know of the organization"`
	Prompts []map[string]any `json:"prompts" jsonschema:"what models are told"`
}

func annotationSettings() *tool {
	return define(ai(tool{
		name: "nexus_get_org_ai_annotation_settings", title: "Get annotation settings", scope: rls.ScopeRead, description: "Reads the prompts and the profile by which conversations are annotated.",
	}), func(ctx context.Context, c *call, _ nothing) (out settingsOut, err error) {
		profile, err := c.list(ctx, "org_ai_profile", url.Values{}, &page{Limit: 1})
		if err != nil {
			return out, err
		}
		out.Profile = map[string]any{}
		if len(profile.Rows) > 0 {
			out.Profile = profile.Rows[0]
		}
		prompts, err := c.list(ctx, "org_ai_prompts", url.Values{"order": {"prompt_key"}}, &page{Limit: maxRows})
		out.Prompts = prompts.Rows
		return out, err
	})
}

type customerIn struct {
	CustomerID string `json:"customer_id" jsonschema:"the contact" pattern:"^[0-9a-fA-F-]{36}$"`
}

func customerIntelligence() *tool {
	return define(ai(tool{
		name: "nexus_get_customer_conversation_intelligence", title: "Get a contact's intelligence", scope: rls.ScopeRead,
		description: "Sums up a contact: orders, conversations, moods, risks.",
	}), func(ctx context.Context, c *call, in customerIn) (out rowOut, err error) {
		if err := c.rpc(ctx, "rpc_ai_get_customer_intelligence", in, &out.Row); err != nil {
			return out, err
		}
		if out.Row == nil {
			return out, &toolError{Code: "not_found", Message: "There is no contact with this id", Hint: "Look for the right id first."}
		}
		return out, nil
	})
}

type dashboardIn struct {
	DateFrom *string `json:"date_from,omitempty" jsonschema:"the first day" format:"date"`
	DateTo   *string `json:"date_to,omitempty" jsonschema:"the last day" format:"date"`
}

func dashboard() *tool {
	return define(ai(tool{
		name: "nexus_get_conversation_intelligence_dashboard", title: "Get the conversation dashboard", scope: rls.ScopeRead,
		description: "Conversations of a period in figures; the last 30 days if no dates are given.",
	}), func(ctx context.Context, c *call, in dashboardIn) (out rowOut, err error) {
		return out, c.rpc(ctx, "rpc_ai_get_conversation_dashboard", in, &out.Row)
	})
}

type updateAnnotationIn struct {
	MessageID string    `json:"message_id" jsonschema:"the message" pattern:"^[0-9a-fA-F-]{36}$"`
	Tags      *[]string `json:"tags,omitempty" jsonschema:"all tags that it has then"`
	TagGroup  *string   `json:"tag_group,omitempty" jsonschema:"the group of the tags" max:"100"`
	Intent    *string   `json:"intent,omitempty" jsonschema:"what the writer wants" max:"100"`
	Sentiment *string   `json:"sentiment,omitempty" jsonschema:"the mood" enum:"positive,neutral,negative"`
}

func updateAnnotation() *tool {
	return define(ai(tool{
		name: "nexus_update_message_annotation", title: "Annotate a message", scope: rls.ScopeWrite, destructive: true, idempotent: true,
		description: "Says something of a message, or says it differently.",
	}), func(ctx context.Context, c *call, in updateAnnotationIn) (out rowOut, err error) {
		message, err := c.one(ctx, "messages", url.Values{"id": {"eq." + in.MessageID}, "select": {"chat_id"}}, "message")
		if err != nil {
			return out, err
		}
		values := given(map[string]*string{"tag_group": in.TagGroup, "intent": in.Intent, "sentiment": in.Sentiment})
		if in.Tags != nil {
			values["tags"] = *in.Tags
		}
		values["message_id"], values["chat_id"], values["source"] = in.MessageID, message["chat_id"], "model"
		out.Row, err = c.upsert(ctx, "ai_message_annotations", "message_id", values)
		return out, err
	})
}

// upsert adds a row, or changes the one that has the same key.
func (c *call) upsert(ctx context.Context, table, key string, values map[string]any) (map[string]any, error) {
	rows, err := c.change(ctx, http.MethodPost, table, url.Values{"on_conflict": {key}}, "resolution=merge-duplicates,missing=default", values)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

type updateTagIn struct {
	Scope       string    `json:"scope" jsonschema:"what is tagged" enum:"message,conversation,customer"`
	Tag         string    `json:"tag" jsonschema:"the tag, as a slug" pattern:"^[a-z0-9][a-z0-9_-]{0,99}$"`
	Category    *string   `json:"category,omitempty" jsonschema:"the group of the tag" max:"100"`
	Description *string   `json:"description,omitempty" jsonschema:"when it applies" max:"2000"`
	Keywords    *[]string `json:"keywords,omitempty" jsonschema:"words by which it is recognized"`
}

func updateTag() *tool {
	return define(ai(tool{
		name: "nexus_update_ai_tag_definition", title: "Define a tag", scope: rls.ScopeWrite, destructive: true, idempotent: true, description: "Defines a tag, or changes its definition.",
	}), func(ctx context.Context, c *call, in updateTagIn) (out rowOut, err error) {
		values := given(map[string]*string{"category": in.Category, "description": in.Description})
		if in.Keywords != nil {
			values["keywords"] = *in.Keywords
		}
		values["scope"], values["tag"], values["organization_id"] = in.Scope, in.Tag, c.identity.Caller.OrganizationID
		out.Row, err = c.upsert(ctx, "ai_tag_definitions", "organization_id,scope,tag", values)
		return out, err
	})
}

type setPromptIn struct {
	PromptKey string `json:"prompt_key" jsonschema:"what it is for" enum:"tag_message,tag_group"`
	Prompt    string `json:"prompt" jsonschema:"the text" min:"1" max:"20000"`
}

func setPrompt() *tool {
	return define(ai(tool{
		name: "nexus_set_org_ai_annotation_prompt", title: "Set a prompt", scope: rls.ScopeWrite, destructive: true, idempotent: true, description: "Sets what models are told when they annotate.",
	}), func(ctx context.Context, c *call, in setPromptIn) (out rowOut, err error) {
		out.Row, err = c.upsert(ctx, "org_ai_prompts", "organization_id,prompt_key", map[string]any{
			"organization_id": c.identity.Caller.OrganizationID, "prompt_key": in.PromptKey, "prompt": in.Prompt,
		})
		return out, err
	})
}

type updateContextIn struct {
	Summary             *string   `json:"summary,omitempty" jsonschema:"what the organization does" max:"20000"`
	Industry            *string   `json:"industry,omitempty" jsonschema:"its industry" max:"200"`
	PriorityAttributes  *[]string `json:"priority_attributes,omitempty" jsonschema:"what matters most about contacts"`
	CustomVocabulary    *[]string `json:"custom_vocabulary,omitempty" jsonschema:"words of its own"`
	DashboardFocusAreas *[]string `json:"dashboard_focus_areas,omitempty" jsonschema:"what its dashboard is about"`
}

func updateContext() *tool {
	return define(ai(tool{
		name: "nexus_update_org_conversation_intelligence_context", title: "Describe the organization", scope: rls.ScopeWrite, destructive: true, idempotent: true,
		description: "Says what models should know of the organization. What is left out stays.",
	}), func(ctx context.Context, c *call, in updateContextIn) (out rowOut, err error) {
		values := given(map[string]*string{"summary": in.Summary, "industry": in.Industry})
		for name, list := range map[string]*[]string{
			"priority_attributes": in.PriorityAttributes, "custom_vocabulary": in.CustomVocabulary, "dashboard_focus_areas": in.DashboardFocusAreas,
		} {
			if list != nil {
				values[name] = *list
			}
		}
		values["organization_id"] = c.identity.Caller.OrganizationID
		out.Row, err = c.upsert(ctx, "org_ai_profile", "organization_id", values)
		return out, err
	})
}
