// An SMSC out of npm's `smpp`, driven by lines of JSON: settings and orders come in, what happened goes out.
//
//   {"set": {...}}         the settings below, as many as are given
//   {"do": "say", ...}     a deliver_sm to every session: from, to, hex, coding, esm, tlvs
//   {"do": "unbind" | "drop" | "garbage" | "enquire"}
'use strict';
const readline = require('readline');
const smpp = require(process.argv[2]);

const settings = {
  system_id: 'nightdesk', password: 'secret', bind_status: 0,
  per_second: 0, counting: 'sliding',            // 'sliding', 'fixed' (calendar seconds) or 'bucket'
  receipts: 'text',                              // none, text, tlv, both
  ids: 'decimal',                                // decimal, hex, "hex then decimal", "decimal then hex"
  stat: 'DELIVRD', err: '000', early: false, repeat: 1, intermediate: false, receipt_after_ms: 0,
  answer_after_ms: 0,                            // a slow provider
  script: [],                                    // for the next submits: a status, "silent", "drop", "nack", "stall_receipt"
  seconds_in_dates: false, upper_case: false,
};
const STATES = ['SCHEDLD', 'ENROUTE', 'DELIVRD', 'EXPIRED', 'DELETED', 'UNDELIV', 'ACCEPTD', 'UNKNOWN', 'REJECTD', 'SKIPPED'];
const sessions = new Set();
let count = 1000;
let taken = [];
let tokens = null, filled = 0;

function tell(event) { process.stdout.write(JSON.stringify(event) + '\n'); }

function allowed(now) {
  const limit = settings.per_second;
  if (!limit) return true;
  if (settings.counting === 'bucket') {
    if (tokens === null) { tokens = limit; filled = now; }
    tokens = Math.min(limit, tokens + (now - filled) * limit / 1000);
    filled = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  }
  taken = taken.filter((at) => settings.counting === 'fixed'
    ? Math.floor(at / 1000) === Math.floor(now / 1000) : at > now - 1000);
  if (taken.length >= limit) return false;
  taken.push(now);
  return true;
}

function named(number, told) {
  const style = settings.ids.split(' then ');
  return (style[told ? style.length - 1 : 0] === 'hex') ? number.toString(16).toUpperCase() : String(number);
}

function date() {
  const now = new Date();
  const digits = now.toISOString().replace(/\D/g, '').slice(2, settings.seconds_in_dates ? 14 : 12);
  return digits;
}

function receipt(session, pdu, number, stat, esm) {
  const id = named(number, true);
  let text = `id:${id} sub:001 dlvrd:001 submit date:${date()} done date:${date()} stat:${stat} err:${settings.err} text:stat:FAKE x`;
  if (settings.upper_case) text = text.replace(/^id:/, 'ID:').replace('stat:', 'Stat:').replace(' text:', ' Text:');
  const message = {
    source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi, source_addr: pdu.destination_addr,
    dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: pdu.source_addr,
    esm_class: esm, short_message: Buffer.from(settings.receipts === 'tlv' ? '' : text),
  };
  if (settings.receipts !== 'text') {
    message.receipted_message_id = id;
    message.message_state = STATES.indexOf(stat);
  }
  for (let time = 0; time < settings.repeat; time += 1) {
    session.deliver_sm(message, (answer) => tell({event: 'answered', id, status: answer.command_status, at: Date.now()}));
  }
}

function submit(session, pdu) {
  const number = count += 1;
  const next = settings.script.shift();
  const now = Date.now();
  const text = pdu.short_message || {};
  const raw = pdu.message_payload && pdu.message_payload.message !== undefined ? pdu.message_payload : text;
  const event = {
    event: 'submit', at: now, number, to: pdu.destination_addr, to_ton: pdu.dest_addr_ton, to_npi: pdu.dest_addr_npi,
    from: pdu.source_addr, from_ton: pdu.source_addr_ton, from_npi: pdu.source_addr_npi,
    text: Buffer.isBuffer(raw.message) ? raw.message.toString('latin1') : raw.message,
    udh: text.udh ? Buffer.concat(text.udh).toString('hex') : '', esm: pdu.esm_class, coding: pdu.data_coding,
    validity: pdu.validity_period, registered: pdu.registered_delivery, payload: pdu.message_payload !== undefined,
    sar: [pdu.sar_msg_ref_num, pdu.sar_segment_seqnum, pdu.sar_total_segments],
  };
  if (pdu.validity_period instanceof Date) event.validity = (pdu.validity_period.getTime() - now) / 1000;
  const answer = (status) => {
    const say = () => session.send(pdu.response({command_status: status, message_id: status ? '' : named(number, false)}));
    if (settings.answer_after_ms) setTimeout(say, settings.answer_after_ms); else say();
  };
  if (next === 'silent') { tell({...event, status: null}); return; }
  if (next === 'drop') { tell({...event, status: null}); session.destroy(); return; }
  if (next === 'nack') {
    tell({...event, status: 3});
    session.send(new smpp.PDU('generic_nack', {command_status: 3, sequence_number: pdu.sequence_number}));
    return;
  }
  let status = typeof next === 'number' ? next : 0;
  if (!status && !allowed(now)) status = 0x58;
  tell({...event, status});
  if (status) { answer(status); return; }
  const wants = settings.receipts !== 'none' && pdu.registered_delivery && next !== 'stall_receipt';
  const say = () => {
    if (settings.intermediate) receipt(session, pdu, number, 'ENROUTE', 0x20);
    receipt(session, pdu, number, settings.stat, 4);
  };
  if (wants && settings.early) say();
  answer(0);
  if (wants && !settings.early) setTimeout(say, settings.receipt_after_ms);
}

const options = process.argv[3] ? {key: require('fs').readFileSync(process.argv[3]), cert: require('fs').readFileSync(process.argv[4])} : {};
const server = smpp.createServer(options, (session) => {
  sessions.add(session);
  session.on('bind_transceiver', (pdu) => {
    const right = pdu.system_id === settings.system_id && pdu.password === settings.password;
    const status = settings.bind_status || (right ? 0 : (pdu.system_id === settings.system_id ? 0x0E : 0x0F));
    session.send(pdu.response({command_status: status, system_id: 'npm'}));
    tell({event: 'bind', status, system_type: pdu.system_type, interface_version: pdu.interface_version});
  });
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => { tell({event: 'enquire_link'}); session.send(pdu.response()); });
  session.on('enquire_link_resp', () => tell({event: 'enquired'}));
  session.on('unbind', (pdu) => { tell({event: 'unbind'}); session.send(pdu.response(), null, () => session.close()); });
  session.on('close', () => { sessions.delete(session); tell({event: 'closed'}); });
  session.on('error', (error) => tell({event: 'error', words: String(error)}));
});
server.on('error', (error) => tell({event: 'error', words: String(error)}));

const orders = {
  say(order, session) {
    const message = {
      source_addr_ton: order.ton === undefined ? 1 : order.ton, source_addr_npi: 1, source_addr: order.from,
      dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: order.to,
      esm_class: order.esm || 0, data_coding: order.coding || 0, short_message: Buffer.from(order.hex, 'hex'),
      ...(order.tlvs || {}),
    };
    session.deliver_sm(message, (answer) => tell({event: 'answered', id: order.hex, status: answer.command_status, at: Date.now()}));
  },
  unbind(order, session) { session.unbind(() => tell({event: 'unbound'})); },
  drop(order, session) { session.destroy(); },
  garbage(order, session) { session.socket.write(Buffer.from(order.hex || '47455420', 'hex')); },
  dribble(order, session) {  // an enquire_link octet by octet
    const octets = new smpp.PDU('enquire_link', {sequence_number: 77}).toBuffer();
    let at = 0;
    const one = () => { session.socket.write(octets.subarray(at, at + 1)); at += 1; if (at < octets.length) setTimeout(one, 5); };
    one();
  },
  enquire(order, session) { session.enquire_link(); },
};
readline.createInterface({input: process.stdin}).on('line', (line) => {
  const order = JSON.parse(line);
  if (order.set) { Object.assign(settings, order.set); if ('per_second' in order.set) { taken = []; tokens = null; } }
  if (order.do) for (const session of sessions) orders[order.do](order, session);
  tell({event: 'done', number: order.number});
}).on('close', () => process.exit(0));
server.listen(0, '127.0.0.1', () => tell({event: 'listening', port: server.address().port}));
