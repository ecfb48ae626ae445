"""Names for invented people, companies and deals; every domain ends in .example."""

FIRST = """
Ada Aiko Alma Amir Anders Anita Arjun Astrid Bela Bianca Bruno Carla Cem Chidi Clara Dana David
Dilara Edda Elif Emil Enzo Esra Eva Fatima Felix Freya Gita Goran Greta Hana Hugo Ida Ilse Imani
Iris Ivan Jana Jonas Juno Kaito Karin Kofi Lara Leif Lena Leo Lina Luca Maja Malik Mara Marco
Mila Mina Nadia Nils Noor Olga Omar Otto Paula Petra Quinn Rafael Rana Renzo Rosa Ruben Sana
Selma Silas Sofia Sven Tara Teo Tilda Ulla Vera Viggo Wanda Xenia Yara Yusuf Zoe Åsa Élodie José
Łukasz Müge Søren
""".split()
LAST = """
Abel Acker Adler Ahlberg Akin Almeida Amsel Arnaud Bakker Barros Becker Bergman Bianchi Blom
Bosch Brandt Calder Castel Chandra Coster Dahl Danso Decker Dietz Duarte Ebner Eklund Engel Falk
Ferrer Fiala Fuchs Gallo Garnier Geller Grau Haas Halvorsen Hartung Hassan Holm Ibsen Ikeda
Jansen Jokela Kaplan Keller Kimura Kovac Krause Lang Laurent Lind Lopes Maas Mahler Marin Mendel
Moreau Nagy Nakano Novak Okafor Olsen Orsini Palmer Pereira Petrov Quade Rausch Reyes Rossi
Sandoval Sato Schmidt Silva Stark Tanaka Thorne Toth Urban Vang Varga Vogel Walther Weber Winter
Yilmaz Zeman Ziegler
""".split()
ADJECTIVE = """
Amber Arctic Autumn Birch Blue Bright Cedar Clear Copper Coral Crescent Delta Eastern Ember
Fjord Golden Granite Green Harbour Highland Hollow Indigo Iron Ivory Juniper Lunar Maple Meadow
Northern Oak Opal Pacific Pine Polar Quiet River Royal Rustic Sable Silver Solar Southern Spruce
Stone Summit Timber Umber Upland Velvet Western
""".split()
TRADE = """
Analytics Bakery Books Brewing Ceramics Clinics Coatings Components Consulting Dental Design
Dynamics Energy Engineering Farms Foods Freight Furniture Glass Hardware Health Hotels
Instruments Insurance Labs Legal Lighting Logistics Marine Media Mills Motors Optics Outfitters
Packaging Partners Pharma Press Robotics Software Spirits Studios Systems Telecom Textiles Tools
Travel Ventures Works
""".split()
SUFFIX = ("", "", " Ltd", " GmbH", " Inc", " & Co", " BV", " AB")
PROVIDERS = ("post.example", "mail.example", "inbox.example", "letters.example")
TOPICS = """
webinar trial pricing newsletter demo partner event renewal upsell referral churn-risk vip beta
survey onboarding support press investor alumni reseller student nonprofit enterprise smb agency
lapsed
""".split()
SOURCES = ["site", "ad", "social", "fair", "phone", "import", "chat", "form", "store", "podcast"]
LISTS = (
    "Monthly newsletter",
    "Product updates",
    "Event invitations",
    "Customers",
    "Partners",
    "Press",
    "Beta testers",
    "Seasonal offers",
)
JOBS = (
    "CEO",
    "CFO",
    "Head of Sales",
    "Office Manager",
    "Buyer",
    "Marketing Lead",
    "Developer",
    "Owner",
    "Operations Manager",
    "Account Executive",
)
DEALS = (
    "Annual licence",
    "Pilot project",
    "Pallet order",
    "Website relaunch",
    "Support contract",
    "Fleet upgrade",
    "Training package",
    "Consulting days",
    "Renewal",
    "Spare parts",
)
NOTES = (
    "Called, wants a quote by Friday.",
    "Met at the fair, interested in the larger plan.",
    "Prefers e-mail; mornings only.",
    "Budget is decided in spring.",
    "Asked for references in the same trade.",
    "Contract signed, handed over to support.",
    "Left a message \u2013 call again.",
    "Line one\nLine two: 50 % \u201cearly\u201d discount <ok> & delivery.",
)
STAGES = ("To Contact", "In Contact", "Follow Up", "Proposal", "Negotiation")
PIPELINES = ("Sales", "Renewals", "Partners", "Projects")
CITIES = ("Utrecht", "Porto", "Uppsala", "Graz", "Gdańsk", "Lyon", "Aarhus", "Turin")
COUNTRIES = ("Netherlands", "Portugal", "Sweden", "Austria", "Poland", "France", "Denmark", "Italy")
