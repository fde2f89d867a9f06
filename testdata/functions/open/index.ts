// Has headers for pages of one origin.
const headers = { "Access-Control-Allow-Origin": "https://only.example.com", "Access-Control-Allow-Headers": "x-own" };
export default {
  fetch(req: Request) {
    return req.method === "OPTIONS" ? new Response("own preflight", { headers }) : new Response("open", { headers });
  },
};
