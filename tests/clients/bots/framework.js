// irc-framework, which The Lounge and Kiwi are made of, told by lines of JSON: see ../bots.py.
"use strict";
const readline = require("readline");
const irc = require("irc-framework");

const settings = JSON.parse(process.env.BOT);
const tell = (event, fields) => console.log(JSON.stringify({event, ...fields}));
const client = new irc.Client();
const rooms = new Map();

client.on("socket connected", () => {
	// It pins nothing by itself.
	const seen = client.connection.transport.socket.getPeerCertificate().fingerprint256;
	if (seen.replaceAll(":", "").toLowerCase() !== settings.sha256) {
		throw new Error(`another certificate: ${seen}`);
	}
});
client.on("raw", ({line, from_server}) => {
	if (from_server) tell("line", {line});
});
client.on("message", (message) => {
	tell("message", {kind: message.type, from: message.nick, to: message.target,
		text: message.message, batch: message.batch ? message.batch.type : ""});
});
client.on("registered", () => {
	tell("in", {});
	// It takes a loss within 5 s of its login for a refusal, and gives up.
	setTimeout(() => tell("steady", {}), 5100);
});
client.on("join", ({nick, channel}) => {
	if (nick === client.user.nick && !rooms.has(channel)) rooms.set(channel, client.channel(channel));
});

const orders = {
	join: (room) => client.join(room),
	say: (target, text) => client.say(target, text),
	me: (target, text) => client.action(target, text),
	topic: (room, text) => client.setTopic(room, text),
	kick: (room, name, why) => client.raw("KICK", room, name, why),
	ban: (room, name) => client.ban(room, `${name}!*@*`),
	raw: (line) => client.raw(line),
	names: (room) => {
		const users = rooms.has(room) ? rooms.get(room).users : [];
		return users.map((user) => ((user.modes || []).includes("o") ? "@" : "") + user.nick);
	},
};
readline.createInterface({input: process.stdin}).on("line", (line) => {
	const {order, words, number} = JSON.parse(line);
	tell("answer", {number, value: orders[order](...words) || null});
});
client.connect({
	host: "127.0.0.1", port: settings.port, tls: true, rejectUnauthorized: false,
	nick: settings.name, username: settings.name, gecos: settings.name,
	account: {account: settings.name, password: settings.password},
	sasl_disconnect_on_fail: true, enable_echomessage: true, enable_setname: true,
	auto_reconnect_max_wait: 1, auto_reconnect_max_retries: 20,
});
