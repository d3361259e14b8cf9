import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseXmlElements, XmlError } from './xml-elements.ts';
import { escapeXml } from './xml-text.ts';

describe('elements', () => {
  it('are read with the namespaces that apply to them', () => {
    const text = `<?xml version="1.0"?>
      <!-- a <comment> -->
      <D:a xmlns:D="DAV:" xmlns = 'urn:x&amp;y&#x41;&#65;' other='1 > 0'>
        text &amp; <![CDATA[<not/>]]>
        <b xmlns=""><c/></b> <D:d xmlns:D="urn:z" /> <e/>
      </D:a>
      <?end?>`;
    expect(parseXmlElements(text)).toMatchObject({
      namespace: 'DAV:',
      name: 'a',
      children: [
        { namespace: '', name: 'b', children: [{ namespace: '', name: 'c', children: [] }] },
        { namespace: 'urn:z', name: 'd', children: [] },
        { namespace: 'urn:x&yAA', name: 'e', children: [] },
      ],
    });
  });

  it.each([
    '',
    'text',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    '<a/>text',
    'text<a/>',
    '<![CDATA[x]]><a/>',
    '<a',
    '<a b/>',
    '<a b=c/>',
    '<a b="<"/>',
    '<1/>',
    '<p:a/>',
    '<p:a xmlns:p=""/>',
    '<p:q:a xmlns:p="x"/>',
    '<a xmlns="&x;"/>',
    '<a xmlns="&amp"/>',
    '<a xmlns="&#x110000;"/>',
    '<a><!-- </a>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a/>',
    '<a>'.repeat(33) + '</a>'.repeat(33),
  ])('are refused in %j', (text) => {
    expect(() => parseXmlElements(text)).toThrow(XmlError);
  });

  it('are read or refused, whatever the text is, in time that grows with its length', () => {
    const parts = ['<', '>', '/', 'a', ':', ' ', '=', '"', "'", '<!--', '-->', '&', ';', 'xmlns'];
    assert(
      property(array(constantFrom(...parts), { maxLength: 60 }), (tokens) => {
        try {
          parseXmlElements(tokens.join(''));
        } catch (error) {
          if (!(error instanceof XmlError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
    for (const unit of [' ', '<a b="c" ', '<!--', 'a', '<a>', '</a ', 'a:', "a='' ", '&']) {
      const text = `<a ${unit.repeat(30_000 / unit.length)}`;
      expect(() => parseXmlElements(text)).toThrow(XmlError);
    }
  });
});

describe('text in XML', () => {
  it('loses nothing that XML can hold', () => {
    expect(escapeXml(`a&b<c>"d"'e'\n\t\r ünï-日本語-😀`)).toBe(
      'a&amp;b&lt;c&gt;&quot;d&quot;&#39;e&#39;&#10;&#9;&#13; ünï-日本語-😀',
    );
  });

  it('has a mark in place of what XML cannot hold', () => {
    expect(escapeXml('a\0b\x01c\x7fd\ufffe\ud800')).toBe('a\ufffdb\ufffdc\ufffdd\ufffd\ufffd');
  });
});
