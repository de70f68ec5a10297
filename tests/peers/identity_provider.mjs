// npm's oidc-provider, certified by the OpenID Foundation, on loopback. Arguments: its library's folder, our client's id,
// secret and the address to come back to. Whoever signs in types their address; what is known of them is in PEOPLE.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [library, clientId, clientSecret, redirectUri, people] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${library}/lib/index.js`));
const PEOPLE = JSON.parse(people);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
  });
  server.on("request", provider.callback());
  console.log(JSON.stringify({ issuer }));
});
