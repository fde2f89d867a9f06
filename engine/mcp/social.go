package mcp

import (
	"context"
	"net/http"
	"net/url"

	"nexus/rls"
)

// socialTools work with social posts and the content calendar.
func socialTools() []*tool {
	return []*tool{
		syncPosts(), listPosts(), getPost(), createPost(), updatePost(), publishPost(), deletePost(), listAccounts(), analytics(), calendar(),
	}
}

// social is what the tools have in common.
func social(t tool) tool {
	t.group, t.needs = "social", []string{"social_posts", "social_accounts", "content_calendar"}
	return t
}

type platformIn struct {
	Platform string `json:"platform,omitempty" jsonschema:"only this platform" enum:"facebook,instagram,twitter,linkedin"`
}

func syncPosts() *tool {
	return define(social(tool{
		name: "nexus_sync_social_posts", title: "Sync social posts", scope: rls.ScopeWrite, idempotent: true, open: true,
		description: "Reads the posts of connected accounts.",
	}), func(ctx context.Context, c *call, in platformIn) (out struct {
		Synced int `json:"synced" jsonschema:"how many posts were read"`
	}, err error,
	) {
		return out, c.function(ctx, "social-sync", in, &out)
	})
}

type listPostsIn struct {
	Platform string `json:"platform,omitempty" jsonschema:"only this platform" enum:"facebook,instagram,twitter,linkedin"`
	Status   string `json:"status,omitempty" jsonschema:"only posts that are so far" enum:"draft,scheduled,publishing,published,failed,cancelled"`
	page
}

func listPosts() *tool {
	return define(social(tool{
		name: "nexus_list_social_posts", title: "List social posts", scope: rls.ScopeRead, description: "Lists posts, the newest first.",
	}), func(ctx context.Context, c *call, in listPostsIn) (rowsOut, error) {
		query := url.Values{"order": {"created_at.desc,id"}, "select": {"*,social_post_media(media_url,media_type,position)"}}
		if in.Platform != "" {
			query.Set("platform", "eq."+in.Platform)
		}
		if in.Status != "" {
			query.Set("status", "eq."+in.Status)
		}
		return c.list(ctx, "social_posts", query, &in.page)
	})
}

type postIn struct {
	PostID string `json:"post_id" jsonschema:"the post" pattern:"^[0-9a-fA-F-]{36}$"`
}

func getPost() *tool {
	return define(social(tool{
		name: "nexus_get_social_post", title: "Get a social post", scope: rls.ScopeRead, description: "Reads a post with its media and its figures by day.",
	}), func(ctx context.Context, c *call, in postIn) (out rowOut, err error) {
		out.Row, err = c.one(ctx, "social_posts", url.Values{"id": {"eq." + in.PostID}, "select": {"*,social_post_media(*),social_post_metrics_daily(*)"}}, "post")
		return out, err
	})
}

type createPostIn struct {
	Platform    string   `json:"platform" jsonschema:"where it is posted" enum:"facebook,instagram,twitter,linkedin"`
	Content     string   `json:"content" jsonschema:"the text" min:"1" max:"63206"`
	ScheduledAt *string  `json:"scheduled_at,omitempty" jsonschema:"when it goes out (RFC 3339); a draft without it" max:"40"`
	Media       []string `json:"media,omitempty" jsonschema:"where pictures are" max:"10"`
}

func createPost() *tool {
	return define(social(tool{
		name: "nexus_create_social_post", title: "Create a social post", scope: rls.ScopeWrite, description: "Creates a draft, or a post that is scheduled.",
	}), func(ctx context.Context, c *call, in createPostIn) (out rowOut, err error) {
		row := map[string]any{"platform": in.Platform, "content": in.Content}
		if in.ScheduledAt != nil {
			row["status"], row["scheduled_at"] = "scheduled", *in.ScheduledAt
		}
		rows, err := c.change(ctx, http.MethodPost, "social_posts", nil, "", row)
		if err != nil || len(rows) == 0 {
			return out, err
		}
		out.Row = rows[0]
		if len(in.Media) == 0 {
			return out, nil
		}
		media := make([]map[string]any, len(in.Media))
		for i, at := range in.Media {
			media[i] = map[string]any{"post_id": out.Row["id"], "media_url": at, "position": i}
		}
		out.Row["social_post_media"], err = c.change(ctx, http.MethodPost, "social_post_media", nil, "", media)
		return out, err
	})
}

type updatePostIn struct {
	PostID      string  `json:"post_id" jsonschema:"the post" pattern:"^[0-9a-fA-F-]{36}$"`
	Content     *string `json:"content,omitempty" jsonschema:"the text" max:"63206"`
	Status      *string `json:"status,omitempty" jsonschema:"draft, scheduled or cancelled" enum:"draft,scheduled,cancelled"`
	ScheduledAt *string `json:"scheduled_at,omitempty" jsonschema:"when it goes out (RFC 3339)" max:"40"`
}

func updatePost() *tool {
	return define(social(tool{
		name: "nexus_update_social_post", title: "Update a social post", scope: rls.ScopeWrite, destructive: true, idempotent: true,
		description: "Changes the text, the schedule or the status of a post that is not published.",
	}), func(ctx context.Context, c *call, in updatePostIn) (out rowOut, err error) {
		out.Row, err = c.updateOne(ctx, "social_posts", in.PostID, given(map[string]*string{"content": in.Content, "status": in.Status, "scheduled_at": in.ScheduledAt}), "post")
		return out, err
	})
}

func publishPost() *tool {
	return define(social(tool{
		name: "nexus_publish_social_post", title: "Publish a social post", scope: rls.ScopeWrite, destructive: true, open: true,
		description: "Publishes a post now, for everybody to see. Ask a person first.",
	}), func(ctx context.Context, c *call, in postIn) (out rowOut, err error) {
		return out, c.function(ctx, "social-publish", in, &out.Row)
	})
}

func deletePost() *tool {
	return define(social(tool{
		name: "nexus_delete_social_post", title: "Delete a social post", scope: rls.ScopeWrite, destructive: true, idempotent: true,
		description: "Removes a draft or a scheduled post. What is published stays.",
	}), func(ctx context.Context, c *call, in postIn) (out rowOut, err error) {
		rows, err := c.change(ctx, http.MethodDelete, "social_posts", url.Values{"id": {"eq." + in.PostID}, "status": {"in.(draft,scheduled)"}}, "", nil)
		if err == nil && len(rows) == 0 {
			err = &toolError{Code: "not_found", Message: "There is no draft or scheduled post with this id"}
		}
		if err == nil {
			out.Row = rows[0]
		}
		return out, err
	})
}

func listAccounts() *tool {
	return define(social(tool{
		name: "nexus_list_social_accounts", title: "List social accounts", scope: rls.ScopeRead, description: "Lists the accounts that are connected.",
	}), func(ctx context.Context, c *call, in page) (rowsOut, error) {
		return c.list(ctx, "social_accounts", url.Values{"select": {"id,platform,external_id,name,is_active,last_synced_at"}, "order": {"platform,name,id"}}, &in)
	})
}

type periodIn struct {
	Platform string `json:"platform,omitempty" jsonschema:"only this platform" enum:"facebook,instagram,twitter,linkedin"`
	DateFrom string `json:"date_from,omitempty" jsonschema:"the first day" format:"date"`
	DateTo   string `json:"date_to,omitempty" jsonschema:"the last day" format:"date"`
	page
}

func analytics() *tool {
	return define(social(tool{
		name: "nexus_get_social_analytics", title: "Get social analytics", scope: rls.ScopeRead, description: "Tells how posts did, by day.",
	}), func(ctx context.Context, c *call, in periodIn) (rowsOut, error) {
		query := url.Values{"select": {"*,social_posts!inner(platform,content,permalink)"}, "order": {"day.desc,post_id"}}
		between(query, "day", in.DateFrom, in.DateTo)
		if in.Platform != "" {
			query.Set("social_posts.platform", "eq."+in.Platform)
		}
		return c.list(ctx, "social_post_metrics_daily", query, &in.page)
	})
}

func calendar() *tool {
	return define(social(tool{
		name: "nexus_get_content_calendar", title: "Get the content calendar", scope: rls.ScopeRead, description: "Lists posts by the time at which they go out.",
	}), func(ctx context.Context, c *call, in periodIn) (rowsOut, error) {
		query := url.Values{"order": {"at,id"}}
		between(query, "day", in.DateFrom, in.DateTo)
		if in.Platform != "" {
			query.Set("platform", "eq."+in.Platform)
		}
		return c.list(ctx, "content_calendar", query, &in.page)
	})
}
