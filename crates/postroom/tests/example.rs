//! `postroom.example.toml`.

use postroom::settings::Layer;

#[test]
fn the_example_parses_and_says_the_defaults() {
    let text = include_str!("../../../postroom.example.toml");
    let example = Layer::from_toml(text)
        .expect("it parses")
        .resolve()
        .expect("its values can be");
    let defaults = Layer::default().resolve().expect("the defaults can be");
    assert_eq!(example, defaults);
}
