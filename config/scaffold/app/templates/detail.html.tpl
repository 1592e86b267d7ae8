[% extends "base.html" %]
[% load ui %]
[% block title %][[ {{ object }} ]][% endblock %]
[% block crumbs %]<li><a href="[% url '{{ app }}:list' %]">{{ title }}</a></li><li>[[ {{ object }}|truncatechars:60 ]]</li>[% endblock %]
[% block heading %]<span class="break">[[ {{ object }} ]]</span> [% mode_badge shell.mode %][% endblock %]
[% block content %]
  [% card %]
    <dl class="facts">
      <div><dt>ID</dt><dd>[% copy_inline {{ object }}.public_id "{{ object }}-id" "the {{ word }}'s ID" %] [% mode_badge {{ object }}.mode %]</dd></div>
{% for field in fields %}
{% if field.is_metadata %}
      <div><dt>{{ field.label }}</dt><dd class="break">[% for name, value in shown.{{ field.name }}.items %]<code>[[ name ]]=[[ value ]]</code> [% empty %]–[% endfor %]</dd></div>
{% elif field.is_moment %}
      <div><dt>{{ field.label }}</dt><dd>[% exact_time {{ object }}.{{ field.name }} "–" %]</dd></div>
{% elif field.is_day %}
      <div><dt>{{ field.label }}</dt><dd>[[ {{ object }}.{{ field.name }}|date:"j M Y"|default:"–" ]]</dd></div>
{% else %}
      <div><dt>{{ field.label }}</dt><dd class="break">[[ shown.{{ field.name }}|default_if_none:"–" ]]</dd></div>
{% endif %}
{% endfor %}
      <div><dt>Created</dt><dd>[% exact_time {{ object }}.created %]</dd></div>
    </dl>
  [% endcard %]
[% endblock %]
