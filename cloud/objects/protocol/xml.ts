import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";
import { S3Error } from "./errors.ts";

/** The namespace of all answers that are no errors. */
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/** A value of an answer: a list repeats its element, `undefined` leaves it out. */
export type XmlValue = string | number | boolean | undefined | XmlValue[] | { [name: string]: XmlValue };

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the very characters to replace
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

const builder = new XMLBuilder({ processEntities: false });

// Keys like "007" or "1e5" must stay the texts they are. `htmlEntities` stands for character references too.
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  htmlEntities: true,
});

/** A document with one root element. */
export function renderXml(document: Record<string, XmlValue>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(escaped(document))}`;
}

/** An answer of the S3 API: `content` inside the element `root`, in S3's namespace. */
export function renderResult(root: string, content: Record<string, XmlValue>): string {
  const xml = renderXml({ [root]: content });
  return xml.replace(`<${root}>`, `<${root} xmlns="${namespace}">`);
}

/**
 * The content of the root element of a request's body. White space between elements may be left in the values of
 * elements that have children.
 * @throws S3Error MalformedXML when the root is another one or the text is no XML.
 */
export function parseXml(text: string, root: string): Record<string, unknown> {
  if (!text.includes("<!DOCTYPE") && XMLValidator.validate(text) === true) {
    const content = (parser.parse(text) as Record<string, unknown>)[root];
    if (typeof content === "object" && content !== null) return content as Record<string, unknown>;
    if (content === "") return {};
  }
  throw malformed();
}

/** An element that may be there once, often or never, as a list. */
export function elements(value: unknown): Record<string, unknown>[] {
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
  if (list.some((item) => typeof item !== "object" || item === null)) throw malformed();
  return list as Record<string, unknown>[];
}

/** The text of an element, undefined where it is missing. */
export function text(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw malformed();
  return value;
}

export function malformed(): S3Error {
  return new S3Error(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema.",
  );
}

/** The body of a refusal. `resource` is the path that was asked for. */
export function errorXml(error: S3Error, resource: string, requestId: string): string {
  const { code, message, details } = error;
  return renderXml({
    Error: { Code: code, Message: message, ...details, Resource: resource, RequestId: requestId },
  });
}

/** As the builder wants it: texts escaped, what is undefined left out. */
function escaped(value: XmlValue): unknown {
  if (typeof value === "string") return escapeText(value);
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([name, item]) => [name, escaped(item)]),
    );
  }
  return value;
}

const references: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  // A reader would take it for a line feed.
  "\r": "&#13;",
};

/** Characters that XML 1.0 forbids become U+FFFD: clients that use such keys ask for `encoding-type=url`. */
function escapeText(value: string): string {
  return value.replace(/[&<>"\r]/g, (character) => references[character]!).replace(forbidden, "\ufffd");
}
